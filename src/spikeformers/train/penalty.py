"""Penalties on firing, on operations and on live time steps, differentiable through the spikes."""

from __future__ import annotations

from math import prod
from types import TracebackType
from typing import Self

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.hooks import RemovableHandle

from spikeformers.errors import ConfigError
from spikeformers.layers import DescribesItself, DynamicSteps, Neuron, OpSpec, Values
from spikeformers.layers.fan_out import reads
from spikeformers.layers.op_spec import spec_for
from spikeformers.measure.stepwise import watch
from spikeformers.models import SpikingModel


class SpikePenalty:
    """What a forward pass costs in spikes, as a term of the loss.

        with penalty:
            logits = model(x)
        loss = cross_entropy(logits, y) + penalty.loss()

    The rate term is rate_weight mean_l max(0, r_l - rate_target)^2 over the neuron layers l, where the firing rate r_l
    is the mean output of the layer per neuron and time step: the squared upper bound on a population's activity of
    Zenke & Vogels, "The Remarkable Robustness of Surrogate Gradient Learning for Instilling Complex Function in Spiking
    Neural Networks", Neural Computation 33 (2021), with rates in place of spike counts.

    The operation term is operations_weight times the operations that have something to do, as a share of the dense
    ones: inputs other than 0, each times the number of products it enters, over every operation that describes itself.
    This follows the spiking synaptic penalty (p = 1) of Suetake et al., arXiv:2302.01500. Real inputs, such as images,
    count whole; products of two activations count where both are other than 0.

    The step term is steps_weight max(0, m - steps_budget), where m is the share of the time steps, of all neuron layers
    with dynamic ones, at which they are not masked (see `layers.dynamic_steps`; Datta et al., arXiv:2311.16456, in a
    derived form). Its gradient reaches the scores straight through the masks.

    Args:
        model: its neurons and operations are watched inside the `with` block, and only there, until `loss`.
        rate_weight, operations_weight: weights of two terms; 0 leaves a term out, and its layers alone.
        rate_target: firing rate that costs nothing.
        steps_weight, steps_budget: weight of the third term, and the share of live steps that costs nothing.

    Raises:
        ConfigError: a rate is to be penalised in a model without spiking neurons, or steps in one without dynamic ones.
    """

    def __init__(
        self,
        model: SpikingModel,
        *,
        rate_weight: float = 0.0,
        rate_target: float = 0.0,
        operations_weight: float = 0.0,
        steps_weight: float = 0.0,
        steps_budget: float = 0.0,
    ) -> None:
        self.rate_weight, self.rate_target, self.operations_weight = rate_weight, rate_target, operations_weight
        self.steps_weight, self.steps_budget = steps_weight, steps_budget
        self._model = model
        self._neurons = [neuron for _, neuron in model.named_neurons()] if rate_weight else []
        self._operations: list[nn.Module] = []
        if operations_weight:
            self._operations += [module for module in model.modules() if isinstance(module, DescribesItself)]
        if rate_weight and not self._neurons:
            raise ConfigError(
                "The model has no spiking neurons whose firing rate could be penalised; drop rate_weight."
            )
        self._dynamic = (
            [module for module in model.modules() if isinstance(module, DynamicSteps)] if steps_weight else []
        )
        if steps_weight and not self._dynamic:
            raise ConfigError(
                "The model has no dynamic time steps that could be penalised; build it with dynamic_steps = "
                '"integrate" or "skip", or drop steps_weight.'
            )
        self._handles: list[RemovableHandle] = []
        self._rates: list[Tensor] = []
        self._counts: list[tuple[Tensor, int]] = []

    def __enter__(self) -> Self:
        self._unhook()
        self._forget()
        self._handles = [*watch(self._model, self._neurons, self._see_neuron)]
        self._handles += watch(self._model, self._operations, self._see_operation)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._unhook()
        if kind is not None:
            self._forget()

    def loss(self) -> Tensor:
        """Return the penalty of what ran inside the block, a scalar.

        Nothing is watched or held from here on but by the scalar itself.

        Raises:
            RuntimeError: nothing ran inside the block.
        """
        if (self._neurons and not self._rates) or (self._operations and not self._counts):
            raise RuntimeError("no forward pass to penalise: run the model inside `with penalty:`")
        total = torch.zeros(())
        if self._rates:
            excess = (torch.stack(self._rates) - self.rate_target).relu()
            total = total + self.rate_weight * excess.square().mean()
        if self._counts:
            done = torch.stack([done for done, _ in self._counts]).sum()
            total = total + self.operations_weight * done / sum(dense for _, dense in self._counts)
        if self._dynamic:
            live = torch.cat([neuron.masks() for neuron in self._dynamic]).mean()
            total = total + self.steps_weight * (live - self.steps_budget).relu()
        self._unhook()
        self._forget()
        return total

    def _see_neuron(self, neuron: nn.Module, inputs: list[Tensor], output: Tensor) -> None:
        assert isinstance(neuron, Neuron)
        with _kept():
            values = neuron.values
            sizes = output.abs() if values.signed else output
            self._rates.append(sizes.mean(dtype=_sum_type(sizes)) / values.scale)

    def _see_operation(self, operation: nn.Module, inputs: list[Tensor], output: Tensor) -> None:
        assert isinstance(operation, DescribesItself)
        spec = spec_for(operation, inputs[0])
        with _kept():
            active = [_active(x, values) for x, values in zip(inputs, spec.inputs, strict=True)]
            self._counts.append(_count(active, spec))

    def _unhook(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _forget(self) -> None:
        self._rates, self._counts = [], []


def _kept() -> saved_tensors_hooks:
    """Keep what the backward pass of the counting needs.

    Inside a part that is computed again in the backward pass (torch.utils.checkpoint) everything saved is thrown away
    and expected back in the same order from the second computation, in which nobody counts any more.
    """
    return saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor)


def _active(x: Tensor, values: Values) -> Tensor:
    """1 where x is not 0, else 0; the gradient is that of |x|, and 0 where an integer is above 1.

    Real values count as 1, whatever they are.
    """
    if values.kind == "real":
        return x.new_ones(()).expand_as(x)
    sizes = x.abs() if values.signed else x
    sizes = sizes if values.scale == 1 else sizes / values.scale
    return sizes.clamp(max=1) if values.kind == "integer" else sizes


def _count(active: list[Tensor], spec: OpSpec) -> tuple[Tensor, int]:
    """Operations that active operands start, and those of dense ones."""
    if spec.kind == "product":
        return _count_product(*active)
    if spec.kind == "mask":
        pairs = active[0] * active[1]
        return pairs.sum(dtype=_sum_type(pairs)), pairs.numel()
    return _count_weighted(active[0], spec)


def _count_weighted(active: Tensor, spec: OpSpec) -> tuple[Tensor, int]:
    """Operations that active inputs start, and those of a dense input; zeros of the padding are no inputs."""
    assert spec.weight_shape is not None
    outputs, kernel = spec.weight_shape[0] // spec.groups, spec.weight_shape[2:]
    if spec.kind == "linear":
        return active.sum(dtype=_sum_type(active)) * outputs, active.numel() * outputs
    sizes = tuple(active.shape[-len(kernel) :])
    each = reads(sizes, kernel, spec.stride, spec.padding, spec.dilation) * outputs
    positions = active.sum(tuple(range(active.dim() - len(kernel))), dtype=_sum_type(active))
    return (positions * each.to(positions)).sum(), int(each.sum()) * (active.numel() // prod(sizes))


def _count_product(left: Tensor, right: Tensor) -> tuple[Tensor, int]:
    """Pairs of active elements that [..., I, J] times [..., J, K] multiplies, and all pairs."""
    columns, rows = left.sum(-2, dtype=_sum_type(left)), right.sum(-1, dtype=_sum_type(right))  # [..., J]
    pairs = columns * rows
    return pairs.sum(), pairs.numel() * left.shape[-2] * right.shape[-1]


def _sum_type(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
