"""Where every layer of a network fires, time step by time step, while it looks at one sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.layers import Neuron
from spikeformers.measure.observe import fired, observe
from spikeformers.models import SpikingModel


@dataclass(frozen=True, kw_only=True, eq=False)
class FiringMap:
    """One call of one neuron layer.

    Args:
        name, call: our name of the layer, and which of its calls in the pass: 0, 1, ...
        values: what the layer emits: "binary", "integer up to 4", "real", ...
        rate: float32 [T, H, W], spikes per channel at each place and time step; of an analog layer the share of its
            channels whose output is not zero. H = W = 1 where a layer has no places.
    """

    name: str
    call: int
    values: str
    rate: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, "call": self.call, "values": self.values, "rate": self.rate.tolist()}


def firing_maps(model: SpikingModel, x: Tensor) -> tuple[FiringMap, ...]:
    """Run a model on one sample and see where each of its neuron layers fires, in order of execution.

    Args:
        model: in the mode it is meant to be looked at in; its mode, weights and buffers are left as they are.
        x: one sample, [1, C, H, W] or [1, T, C, H, W].

    Raises:
        InputError: there is more than one sample.
    """
    if len(x) != 1:
        raise InputError(f"firing is mapped for one sample, got {len(x)}. Take one with x[:1].")
    maps: list[FiringMap] = []
    calls: dict[str, int] = {}

    def look(name: str, neuron: Neuron, current: Tensor, output: Tensor) -> None:
        calls[name] = calls.get(name, -1) + 1
        rate = fired(output, neuron.values)[:, 0].float().mean(1)  # [T, ...]: the mean over the channels
        places = (1, 1, *rate.shape[1:])[-2:]
        maps.append(
            FiringMap(
                name=name,
                call=calls[name],
                values=str(neuron.values),
                rate=rate.reshape(len(rate), *places).cpu().numpy(),
            )
        )

    observe(getattr(model, "_orig_mod", model), x, look)
    return tuple(maps)
