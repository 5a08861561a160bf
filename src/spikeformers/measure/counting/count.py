"""The counter: what every operation of a model does on given samples, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from spikeformers.errors import InputError
from spikeformers.layers import OpSpec
from spikeformers.layers.op_spec import ElementSpec, SizedByInput, spec_for
from spikeformers.measure.batches import Progress, batches
from spikeformers.measure.counting.counts import OPERATIONS, Batch, Count, Counts
from spikeformers.measure.counting.describe import Spec, describe, is_plain, weight_of
from spikeformers.measure.counting.functions import Functions
from spikeformers.measure.counting.merge import merged
from spikeformers.measure.counting.tally import (
    look,
    tally_elements,
    tally_pairs,
    tally_weighted,
    time_steps,
    weights_met,
    zeros_of,
)
from spikeformers.measure.observe import undisturbed
from spikeformers.measure.stepwise import watch
from spikeformers.models import SpikingModel


@torch.no_grad()
def count(
    model: nn.Module,
    data: Tensor | Iterable[Any],
    *,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Counts:
    """Count what every operation of a model does, call by call and time step by time step.

    Counted are convolutions, linears, matrix products and masks of activations, norms, pools, additions, neurons and
    softmax, of models here (fused or not, unrolled too) and of plain modules: `nn.Conv1d` to `3d`, `nn.Linear`, the
    norms, pools and element-wise functions that `measure.describe` lists, and the matrix products and convolutions that
    plain modules write as functions, those of `nn.MultiheadAttention` included. All figures are whole numbers without
    rounding. Other functions are not counted: the mean in front of a head, the sum over positions in a mask attention,
    a softmax or an addition in a plain module. What uses parameters and is not counted, such as an embedding or
    `nn.LSTM`, is named in `Counts.uncounted`. Zeros that a separate function puts around an input, as PyTorch does for
    `padding="same"` of even kernels, are elements of that input like any others, in `dense` too.

    Args:
        model: in the mode it is meant to be measured in; its mode, weights and buffers are left as they are.
        data: one batch, or batches: tensors as the model takes them, or pairs of them and their targets. They are moved
            to where the model is.
        limit: samples at most; the last batch is cut.
        progress: is told the number of samples counted so far, after each batch.

    Raises:
        InputError: there are no samples, or what is no batch of them.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    counter = _Counter(model)
    with undisturbed(model, counter.hooks()):
        for batch, _ in batches(data, limit):
            counter.run(batch)
            if progress is not None:
                progress(counter.samples)
    return counter.counts()


class _Known(NamedTuple):
    """An operation that is counted whenever it is called."""

    name: str
    spec: Spec
    weight: Tensor | None
    declared: tuple[str, ...]


class _Counter:
    """Rows that grow batch by batch."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.samples = 0
        self._known: dict[nn.Module, _Known] = {}
        self._met: dict[Any, Tensor] = {}
        self._rows: dict[tuple[str, int], Count] = {}
        self._batches: list[Batch] = []
        self._batch: list[Count] = []
        self._calls: dict[str, int] = {}
        self._sources: list[Tensor] = []
        self._uncounted: dict[str, None] = {}
        # Models here are modules throughout; watching their functions too would only take time.
        ours = isinstance(model, SpikingModel)
        self._functions = None if ours else Functions(model, self)

    def hooks(self) -> Iterator[torch.utils.hooks.RemovableHandle]:
        """Watch every module that is counted, and those with parameters that are not."""
        for name, module in self.model.named_modules():
            spec = describe(module)
            if spec is not None:
                self._known[module] = _Known(name, spec, weight_of(module, spec), _declared(module, spec))
            elif self._functions is None and any(True for _ in module.parameters(recurse=False)):
                yield module.register_forward_pre_hook(self._missing(name))
        yield from watch(self.model, self._known, self._seen)
        for module in self.model.modules():
            if isinstance(module, SpikingModel):
                yield module.register_forward_pre_hook(self._entered)
                yield module.encoder.register_forward_hook(self._encoded)
        if self._functions is not None:
            yield from self._functions.hooks()

    def run(self, batch: Tensor) -> None:
        """Count one batch."""
        parameter = next(self.model.parameters(), None)
        x = batch if parameter is None else batch.to(parameter.device)
        self._sources = [x]
        self._batch, self._calls = [], {}
        self._now = len(x)
        with nullcontext() if self._functions is None else self._functions.watching():
            self.model(x)
        self._sources = []
        self.samples += len(x)
        operations = [row for row in self._batch if row.kind in OPERATIONS]
        dense, nonzero = (sum(getattr(row, word) for row in operations) for word in ("dense", "nonzero"))
        self._batches.append(Batch(samples=len(x), dense=dense, nonzero=nonzero))
        for row in self._batch:
            key = row.name, row.call
            self._rows[key] = merged(self._rows[key], row) if key in self._rows else row

    def counts(self) -> Counts:
        """Everything so far."""
        if not self.samples:
            raise InputError("there is nothing to count: the data holds no samples.")
        return Counts(
            rows=tuple(self._rows.values()),
            samples=self.samples,
            by_batch=tuple(self._batches),
            name=getattr(self.model, "name", None) or type(self.model).__name__,
            system=getattr(self.model, "system", None),
            fused=getattr(self.model, "fused", None),
            uncounted=tuple(self._uncounted),
        )

    def found(self, name: str, spec: OpSpec, weight: Tensor | None, operands: list[Tensor], output: Tensor) -> None:
        """Count what is no module."""
        known = _Known(name, spec, weight, ("",) * len(operands))
        self._batch.append(self._operation(known, self._call(name), operands, output))

    def biased(self) -> None:
        """The last operation has a bias."""
        if self._batch and self._batch[-1].kind in ("linear", "convolution"):
            self._batch[-1] = replace(self._batch[-1], bias=True)

    def missed(self, name: str) -> None:
        """Remember what is not counted."""
        self._uncounted[name] = None

    def _entered(self, model: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._sources += [x.transpose(0, 1) if x.dim() == 5 else x for x in inputs]

    def _encoded(self, encoder: nn.Module, inputs: Any, frames: Tensor) -> None:
        self._sources.append(frames)

    def _missing(self, name: str) -> Callable[[nn.Module, Any], None]:
        return lambda module, inputs: self.missed(name)

    def _seen(self, module: nn.Module, operands: list[Tensor], output: Tensor) -> None:
        known = _sized(self._known[module], module, operands)
        row = self._operation if isinstance(known.spec, OpSpec) else self._elements
        self._batch.append(row(known, self._call(known.name), operands, output))

    def _call(self, name: str) -> int:
        call = self._calls[name] = self._calls.get(name, -1) + 1
        return call

    def _elements(self, known: _Known, call: int, operands: list[Tensor], output: Tensor) -> Count:
        spec = known.spec
        assert isinstance(spec, ElementSpec)
        tally, steps = tally_elements(spec, operands, output), time_steps(spec.timed, operands[0])
        return Count(
            name=known.name,
            call=call,
            kind=spec.kind,
            time_steps=steps,
            dense=tally.dense,
            dense_padded=tally.dense_padded,
            nonzero=sum(tally.nonzero_by_step),
            events=None,
            nonzero_by_step=tally.nonzero_by_step,
            events_by_step=None,
            inputs=sum(operand.numel() for operand in operands),
            outputs=output.numel(),
            membranes=output.numel() // steps * spec.remembers,
            silent=zeros_of(output) if spec.kind == "neuron" else 0,
        )

    def _operation(self, known: _Known, call: int, operands: list[Tensor], output: Tensor) -> Count:
        spec = known.spec
        assert isinstance(spec, OpSpec)
        seen = [look(operand, values) for operand, values in zip(operands, spec.inputs, strict=True)]
        if spec.weight_shape is None:
            tally = tally_pairs(spec, seen[0], seen[1], output, self._now)
        else:
            tally = tally_weighted(spec, seen[0], self._weights_met(known, operands[0]), output, self._now)
        binary, nonzero = all(operand.unit for operand in seen), sum(tally.nonzero_by_step)
        steps = time_steps(spec.timed, operands[0])
        weights = 0 if spec.weight_shape is None else prod(spec.weight_shape)
        return Count(
            name=known.name,
            call=call,
            kind=spec.kind,
            time_steps=steps,
            dense=tally.dense,
            dense_padded=tally.dense_padded,
            nonzero=nonzero,
            events=None if tally.events_by_step is None else sum(tally.events_by_step),
            nonzero_by_step=tally.nonzero_by_step,
            events_by_step=tally.events_by_step,
            seen=tuple(operand.seen for operand in seen),
            declared=known.declared,
            binary_calls=int(binary),
            neurobench_acs=nonzero if binary else 0,
            neurobench_macs=0 if binary else nonzero,
            weights=weights,
            weights_read=weights * steps * self._now,
            inputs=sum(operand.numel() for operand in operands),
            outputs=output.numel(),
            bias=spec.bias,
            first=spec.weight_shape is not None and self._is_input(operands[0]),
            shape=tally.shape,
        )

    def _weights_met(self, known: _Known, x: Tensor) -> Tensor:
        """Kept for the next input of that size, where the weights stay what they are."""
        spec, weight = known.spec, known.weight
        assert isinstance(spec, OpSpec)
        assert spec.weight_shape is not None
        axes = len(spec.weight_shape) - 2
        sizes = tuple(x.shape[-axes:]) if axes else ()
        if self._functions and weight is not None and not self._functions.stores(weight):
            return weights_met(spec, weight, sizes)
        key = known.name, spec, None if weight is None else (weight.data_ptr(), weight.stride()), sizes
        if key not in self._met:
            self._met[key] = weights_met(spec, weight, sizes)
        return self._met[key]

    def _is_input(self, x: Tensor) -> bool:
        return any(source.shape == x.shape and torch.equal(source, x) for source in self._sources)


def _sized(known: _Known, module: nn.Module, operands: list[Tensor]) -> _Known:
    """What is known of an operation, with the weights that this input meets where they are as large as it."""
    if not isinstance(known.spec, OpSpec) or known.spec.weight_shape != ():
        return known
    assert isinstance(module, SizedByInput)
    return known._replace(spec=spec_for(module, operands[0]), weight=module.weights_for(operands[0]))


def _declared(module: nn.Module, spec: Spec) -> tuple[str, ...]:
    inputs = spec.inputs if isinstance(spec, OpSpec) else ()
    return tuple("" if is_plain(module) else str(values) for values in inputs)
