"""Looking at every neuron layer during one forward pass, and leaving no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from spikeformers.layers import Neuron, Values
from spikeformers.measure.stepwise import watch
from spikeformers.models import SpikingModel

Look = Callable[[str, Neuron, Tensor, Tensor], None]


@torch.no_grad()
def observe(model: SpikingModel, x: Tensor, look: Look) -> None:
    """Run a model once and show each call of a neuron layer to `look`, in order of execution.

    The calls of a layer that runs once for each time step, as inside a temporal interaction, are shown as one.

    Args:
        model: in the mode it is meant to be observed in; its mode, weights and buffers are left as they are.
        x: what the model takes, [B, C, H, W] or [B, T, C, H, W].
        look: called with the layer's name, the layer, its input [T, ...] and its output [T, ...].
    """
    names: dict[nn.Module, str] = {neuron: name for name, neuron in model.named_neurons()}

    def see(neuron: nn.Module, operands: list[Tensor], output: Tensor) -> None:
        look(names[neuron], cast(Neuron, neuron), operands[0], output)

    with undisturbed(model, watch(model, names, see)):
        model(x)


@contextmanager
def undisturbed(model: nn.Module, handles: Iterable[RemovableHandle]) -> Iterator[None]:
    """Run a model inside; at the end the hooks, registered as they are iterated over, go and its buffers are restored.

    In training mode, which may be that of one module only, a forward pass moves the running statistics; looking must
    not.
    """
    before = [(part, name, b, b.clone()) for part in model.modules() for name, b in part.named_buffers(recurse=False)]
    registered: list[RemovableHandle] = []
    try:
        for handle in handles:
            registered.append(handle)  # where the next one fails, those before it go all the same
        yield
    finally:
        for handle in registered:
            handle.remove()
        for part, name, buffer, value in before:
            if not torch.equal(buffer, value):
                buffer.copy_(value)
            setattr(part, name, buffer)


def spike_counts(output: Tensor, values: Values) -> Tensor:
    """The spikes behind each output of a neuron, a spike of either sign as one: whole numbers in the output's dtype.

    Integers are taken before their scale. Sum them as int64: a float32 sum rounds above 2^24.
    """
    whole = output if values.scale == 1 else (output / values.scale).round()
    return whole.abs() if values.signed else whole


def fired(output: Tensor, values: Values) -> Tensor:
    """The spikes behind each output, as `spike_counts`; of an analog neuron one for each output other than zero."""
    return output.ne(0) if values.kind == "real" else spike_counts(output, values)


def most(values: Values) -> int | None:
    """The spikes of a neuron that fires all it can at one time step; None where there is no limit."""
    return None if values.kind == "real" else values.highest
