"""Penalties on firing and operations against measured rates, counted operations and their derivatives."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers import BINARY, REAL, TERNARY, Conv2d, Linear, MatrixProduct, Memory, Neuron, Values, integers
from spikeformers.measure import firing
from spikeformers.models import SpikingModel, create_model
from spikeformers.train.penalty import SpikePenalty

MODELS = [
    ("spikformer_2_64.digits", "lif"),
    ("spikformer_2_64.digits", "integer"),
    ("spikingformer_2_64.digits", "ternary"),
    ("sdt_2_64.digits", "lif"),
]


def model_of(name: str, neuron: str = "lif") -> SpikingModel:
    """In training mode, in which the norms see to it that a fresh model fires."""
    torch.manual_seed(0)
    return create_model(name, dim=32, depth=2, heads=2, time_steps=2, neuron=neuron).double()


def images(count: int = 3) -> Tensor:
    return torch.rand(count, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def watched(model: Any, x: Any, **weights: float) -> Tensor:
    with SpikePenalty(model, **weights) as penalty:
        model(x)
    return penalty.loss()


class Identity(Neuron):
    """A neuron whose output is its input, so that rates have exact derivatives."""

    def __init__(self, values: Values = BINARY) -> None:
        super().__init__()
        self.values = values

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        return x * 1


class Alone(nn.Module):
    """One part as a model."""

    named_neurons = SpikingModel.named_neurons

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, inputs: Any) -> Any:
        for part in self.parts:
            inputs = part(*inputs) if isinstance(inputs, tuple) else part(inputs)
        return inputs


class Convolution(nn.Conv2d):
    """A convolution of any shape that describes itself."""

    def __init__(self, inputs: Values, *shape: Any, **words: Any) -> None:
        super().__init__(*shape, **words, dtype=torch.float64)
        self.inputs = inputs

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    sub_steps = ()
    op_spec = Conv2d.op_spec


def work(module: Any, operands: list[Tensor]) -> float:
    """Operations by brute force: the operation itself, over ones where there is something to do."""
    spec = module.op_spec()
    if spec.kind == "product":
        return float((operands[0] @ operands[1]).sum())
    if spec.kind == "mask":
        return float((operands[0] * operands[1]).sum())
    ones = torch.ones(spec.weight_shape, dtype=torch.float64)
    if spec.kind == "linear":
        return float(operands[0].sum()) * ones.shape[0]
    x = operands[0].flatten(0, 1)
    return float(F.conv2d(x, ones, None, spec.stride, spec.padding, spec.dilation, spec.groups).sum())


def share_of_work(model: nn.Module, x: Any) -> float:
    """Operations on inputs other than 0 (real ones count whole) over operations on dense inputs."""
    done, dense = [], []

    def see(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        spec = module.op_spec()
        ones = [torch.ones(operand.shape, dtype=torch.float64) for operand in inputs]
        busy = [
            one if values.kind == "real" else (operand != 0).double()
            for one, operand, values in zip(ones, inputs, spec.inputs, strict=True)
        ]
        done.append(work(module, busy))
        dense.append(work(module, ones))

    handles = [module.register_forward_hook(see) for module in model.modules() if hasattr(module, "op_spec")]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return sum(done) / sum(dense)


@pytest.mark.parametrize(("name", "neuron"), MODELS)
@pytest.mark.parametrize("target", [0.0, 0.05])
def test_the_rate_term_is_the_squared_excess_of_the_measured_rates(name: str, neuron: str, target: float) -> None:
    model = model_of(name, neuron)
    rates = [float(row.spikes) / row.elements for row in firing(model, images())]
    assert min(rates) < 0.05 < max(rates)
    expected = 0.5 * sum(max(0.0, rate - target) ** 2 for rate in rates) / len(rates)
    found = watched(model, images(), rate_weight=0.5, rate_target=target)
    assert found.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("name", "neuron"), MODELS)
def test_the_operation_term_is_the_share_of_operations_with_something_to_do(name: str, neuron: str) -> None:
    model = model_of(name, neuron)
    expected = share_of_work(model, images())
    assert 0.02 < expected < 0.9
    assert watched(model, images(), operations_weight=2.0).item() == pytest.approx(2 * expected, rel=1e-12)


def test_both_terms_are_added() -> None:
    model = model_of("spikformer_2_64.digits")
    parts = watched(model, images(), rate_weight=0.5) + watched(model, images(), operations_weight=2.0)
    both = watched(model, images(), rate_weight=0.5, operations_weight=2.0)
    torch.testing.assert_close(both, parts)


@pytest.mark.parametrize(
    "words",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (1, 3), "padding": (0, 2), "dilation": (1, 2)},
        {"kernel_size": 2, "stride": 3, "groups": 2},
        {"kernel_size": 7, "stride": 2, "padding": 3, "groups": 4},
    ],
)
def test_every_convolution_is_counted_and_its_derivative_is_the_fan_out(words: dict[str, Any]) -> None:
    model = Alone(Convolution(BINARY, 4, 8, **words))
    spikes = (torch.rand(2, 3, 4, 7, 9, generator=torch.Generator().manual_seed(0)) < 0.3).double().requires_grad_()
    loss = watched(model, spikes, operations_weight=1.0)
    assert loss.item() == pytest.approx(share_of_work(model, spikes), rel=1e-12)
    loss.backward()
    # Every output that a position feeds, by the gradient of the convolution with ones.
    ones = torch.zeros(2, 3, 4, 7, 9, dtype=torch.float64, requires_grad=True)
    kernel = torch.ones_like(model.parts[0].weight)
    options = {word: value for word, value in words.items() if word != "kernel_size"}
    F.conv2d(ones.flatten(0, 1), kernel, **options).sum().backward()
    torch.testing.assert_close(spikes.grad, ones.grad / ones.grad.sum())


@pytest.mark.parametrize(
    ("values", "given", "slope"),
    [
        (BINARY, [0.0, 1.0], [1, 1]),
        (TERNARY, [-1.0, 0.0, 1.0], [-1, 0, 1]),
        (integers(3), [0.0, 1.0, 2.0, 3.0], [1, 1, 0, 0]),
        (integers(3, scale=0.25), [0.0, 0.25, 0.5], [4, 4, 0]),
        (integers(None, signed=True), [-2.0, -1.0, 1.0], [0, -1, 1]),
        (REAL, [0.0, 0.3], None),
    ],
)
def test_what_counts_as_an_active_input_and_its_slope(
    values: Values, given: list[float], slope: list[int] | None
) -> None:
    model = Alone(Linear(1, 5, inputs=values).double())
    x = torch.tensor(given, dtype=torch.float64).view(1, 1, 1, -1).requires_grad_()
    loss = watched(model, x, operations_weight=1.0)
    if slope is None:
        assert loss.item() == 1.0
        assert not loss.requires_grad
    else:
        assert loss.item() == pytest.approx(sum(value != 0 for value in given) / len(given))
        loss.backward()
        torch.testing.assert_close(x.grad.flatten(), torch.tensor(slope, dtype=torch.float64) / len(given))


def test_a_product_counts_pairs_and_its_derivative_is_the_other_operand() -> None:
    model = Alone(MatrixProduct(BINARY, BINARY))
    generator = torch.Generator().manual_seed(0)
    left, right = ((torch.rand(2, *s, generator=generator) < 0.4).double() for s in ((3, 5), (5, 4)))
    left.requires_grad_()
    loss = watched(model, (left, right), operations_weight=1.0)
    assert loss.item() == pytest.approx((left @ right).sum().item() / (2 * 3 * 5 * 4))
    loss.backward()
    torch.testing.assert_close(left.grad, right.sum(-1)[:, None].expand(2, 3, 5) / (2 * 3 * 5 * 4))


def test_the_derivative_of_the_rate_term() -> None:
    model = Alone(Identity(), Identity(TERNARY.scaled(0.5)))
    x = 0.5 * torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).abs()
    x.requires_grad_()

    def loss(x: Tensor) -> Tensor:
        return watched(model, x, rate_weight=0.7, rate_target=0.1)

    rate = x.mean()
    torch.testing.assert_close(loss(x), 0.7 * ((rate - 0.1) ** 2 + (2 * rate - 0.1) ** 2) / 2)
    assert torch.autograd.gradcheck(loss, (x,))
    assert not bool(watched(model, x / 100, rate_weight=0.7, rate_target=0.1))


def gradients(model: SpikingModel, *, recompute: bool, inside: bool = False) -> list[Tensor | None]:
    """Of the penalty alone, so that nothing can hide it."""
    for block in model.blocks:  # type: ignore[union-attr]
        block.recompute = recompute
    model.zero_grad()
    penalty = SpikePenalty(model, rate_weight=1.0, operations_weight=1.0)
    with penalty:
        model(images())
        if inside:
            penalty.loss().backward()
    if not inside:
        penalty.loss().backward()
    return [parameter.grad for parameter in model.parameters()]


@pytest.mark.parametrize(("name", "neuron"), MODELS)
@pytest.mark.parametrize("inside", [False, True])
def test_recomputed_blocks_have_the_same_gradients(name: str, neuron: str, inside: bool) -> None:
    model = model_of(name, neuron)
    kept, again = gradients(model, recompute=False), gradients(model, recompute=True, inside=inside)
    assert sum(gradient is not None and bool(gradient.any()) for gradient in kept) > 20
    assert [gradient is None for gradient in kept] == [gradient is None for gradient in again]
    for one, other in zip(kept, again, strict=True):
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_descending_the_penalty_lowers_firing_and_operations() -> None:
    model = model_of("spikformer_2_64.digits")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    weights = {"rate_weight": 1.0, "operations_weight": 1.0}
    costs = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = watched(model, images(8), **weights)
        loss.backward()
        optimizer.step()
        costs.append(loss.item())
    assert costs[-1] < 0.9 * costs[0]


def test_the_model_computes_the_same_and_no_hook_stays() -> None:
    model = model_of("spikformer_2_64.digits")
    penalty = SpikePenalty(model, rate_weight=1.0, operations_weight=1.0)
    with penalty:
        assert any(module._forward_hooks for module in model.modules())
        logits = model(images())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(logits, model(images()))

    def interrupted() -> None:
        with penalty:
            model(images())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert not any(module._forward_hooks for module in model.modules())
    with pytest.raises(RuntimeError, match="no forward pass"):
        penalty.loss()


def test_only_what_is_weighed_is_watched() -> None:
    model = model_of("spikformer_2_64.digits")
    with SpikePenalty(model) as penalty:
        assert not any(module._forward_hooks for module in model.modules())
        model(images())
    assert penalty.loss().item() == 0.0
    with SpikePenalty(model, rate_weight=1.0):
        watched_modules = [module for module in model.modules() if module._forward_hooks]
    assert watched_modules == [neuron for _, neuron in model.named_neurons()]


def test_after_the_loss_nothing_of_the_graph_is_held() -> None:
    model = model_of("spikformer_2_64.digits")
    outputs: list[weakref.ref[Tensor]] = []
    handle = model.head.register_forward_pre_hook(lambda module, inputs: outputs.append(weakref.ref(inputs[0])))
    penalty = SpikePenalty(model, rate_weight=1.0, operations_weight=1.0)
    with penalty:
        model(images())
    handle.remove()
    loss = penalty.loss()
    loss.backward()
    del loss
    gc.collect()
    assert outputs[0]() is None
    with pytest.raises(RuntimeError, match="run the model inside"):
        penalty.loss()


def test_each_pass_is_judged_by_itself() -> None:
    model = model_of("spikformer_2_64.digits")
    penalty = SpikePenalty(model, rate_weight=1.0, operations_weight=1.0)
    found = []
    for x in (images(), images().square(), images()):
        with penalty:
            model(x)
        found.append(penalty.loss().item())
    assert found[0] == found[2] != found[1]


def test_under_autocast_the_counts_are_float32() -> None:
    model = model_of("spikformer_2_64.digits").float()
    expected = watched(model, images().float(), rate_weight=1.0, operations_weight=1.0)
    with torch.autocast("cpu", torch.bfloat16):
        found = watched(model, images().float(), rate_weight=1.0, operations_weight=1.0)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), rel=0.1)


def test_a_model_without_neurons_is_refused() -> None:
    model: Any = Alone(nn.Linear(2, 2))
    with pytest.raises(ConfigError, match="no spiking neurons"):
        SpikePenalty(model, rate_weight=1.0)
