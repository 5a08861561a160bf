"""Which channels of every neuron layer are alive: neither silent nor firing without a pause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spikeformers.layers import Neuron, Values
from spikeformers.measure.observe import fired, most, observe
from spikeformers.models import SpikingModel


@dataclass(frozen=True, kw_only=True)
class Activity:
    """One call of one neuron layer; a channel is an index of dimension 2 of its output [T, B, C, ...].

    Args:
        name: our name of the layer.
        spikes: number of spikes; an integer n counts as n, a spike of either sign as one. For an analog neuron the
            number of its outputs that are not zero.
        elements: number of outputs, T x B x channels x positions.
        channels: number of channels.
        dead: channels that never fired, at no time step, sample and position. Analog: always zero.
        saturated: channels that fired at every element; where a neuron emits integers, its largest each time. An
            analog output, or an integer one without a largest, has no such limit: 0.
    """

    name: str
    spikes: int
    elements: int
    channels: int
    dead: int
    saturated: int

    @property
    def rate(self) -> float:
        """Mean number of spikes per element and time step: of a binary neuron its firing rate."""
        return self.spikes / self.elements

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the rate included."""
        return {**asdict(self), "rate": self.rate}


class Summary(NamedTuple):
    """A whole model in three numbers: mean rate of all outputs, and the shares of all channels that are not alive."""

    rate: float
    dead: float
    saturated: float


def activity(model: SpikingModel, x: Tensor) -> list[Activity]:
    """Run a model once and see which channels of each neuron layer are alive, in order of execution.

    What counts as dead depends on what was seen: a channel may be silent on these samples only.

    Args:
        model: in the mode it is meant to be measured in; its mode, weights and running statistics are left as they are.
        x: what the model takes, [B, C, H, W] or [B, T, C, H, W].

    Returns:
        One `Activity` for each call of a neuron layer; its counts are exact.
    """
    layers: list[tuple[str, int, int]] = []
    counts: list[Tensor] = []

    def record(name: str, neuron: Neuron, current: Tensor, output: Tensor) -> None:
        layers.append((name, output.numel(), output.shape[2]))
        counts.append(_counts(output, neuron.values))

    observe(model, x, record)
    # Read together at the end: on an accelerator every single reading would wait for the computation.
    figures = torch.stack(counts).tolist() if counts else []
    return [
        Activity(name=name, elements=elements, channels=channels, spikes=spikes, dead=dead, saturated=saturated)
        for (name, elements, channels), (spikes, dead, saturated) in zip(layers, figures, strict=True)
    ]


def summary(layers: Sequence[Activity]) -> Summary:
    """Put the layers of one model together; three zeros where there is none."""
    elements = sum(layer.elements for layer in layers) or 1
    channels = sum(layer.channels for layer in layers) or 1
    return Summary(
        rate=sum(layer.spikes for layer in layers) / elements,
        dead=sum(layer.dead for layer in layers) / channels,
        saturated=sum(layer.saturated for layer in layers) / channels,
    )


def _counts(output: Tensor, values: Values) -> Tensor:
    """Spikes, dead channels and saturated channels of one output [T, B, C, ...], int64 [3]."""
    spikes, limit = fired(output, values), most(values)
    others = [axis for axis in range(output.dim()) if axis != 2]
    highest, lowest = spikes.amax(others), spikes.amin(others)  # [C]
    full = torch.zeros_like(lowest, dtype=torch.bool) if limit is None else lowest.eq(limit)
    return torch.stack([spikes.sum(dtype=torch.int64), (highest == 0).sum(), full.sum()])
