"""How often every neuron layer fires."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from spikeformers.catalog import official
from spikeformers.layers import BINARY, Neuron, Values
from spikeformers.measure.observe import observe, spike_counts
from spikeformers.models import SpikingModel


@dataclass(frozen=True, kw_only=True)
class Firing:
    """One call of one neuron layer, summed over time, batch and positions.

    Args:
        name: our name of the layer.
        official_name: its name in the authors' code, where the model follows a released form.
        spikes: the number of spikes of a binary neuron, of either sign of a ternary one; the sum of the integers where
            a neuron emits integers (or integers times a constant, which is left out); for an analog neuron the sum of
            its real outputs.
        elements: number of outputs, T x B x channels x positions.
        reset_spikes: for an analog neuron, the number of spikes that reset its membrane; None otherwise.
    """

    name: str
    official_name: str | None
    spikes: int | float
    elements: int
    reset_spikes: int | None = None

    @property
    def rate(self) -> float:
        """Mean output: the firing rate of a binary neuron, per element and time step."""
        return self.spikes / self.elements

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the rate included."""
        return {**asdict(self), "rate": self.rate}


def firing(model: SpikingModel, x: Tensor) -> list[Firing]:
    """Run a model once and count what each neuron layer emits, in order of execution.

    Args:
        model: in the mode it is meant to be measured in; its mode and weights are left as they are.
        x: what the model takes, [B, C, H, W] or [B, T, C, H, W].

    Returns:
        One `Firing` for each call of a neuron layer. Counts of integer outputs are exact integers.
    """
    theirs = official.names(model.system, model.variant, [name for name, _ in model.named_neurons()])
    rows: list[Firing] = []

    def record(name: str, neuron: Neuron, current: Tensor, output: Tensor) -> None:
        resets = neuron.reset_spikes(current)
        rows.append(
            Firing(
                name=name,
                official_name=theirs.get(name),
                spikes=_total(output, neuron.values),
                elements=output.numel(),
                reset_spikes=None if resets is None else int(_total(resets, BINARY)),
            )
        )

    observe(model, x, record)
    return rows


def _total(output: Tensor, values: Values) -> int | float:
    if values.kind == "real":
        return float(output.double().sum())
    return int(spike_counts(output, values).sum(dtype=torch.int64))
