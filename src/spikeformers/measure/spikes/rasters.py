"""What some neurons of every layer do over time while a model looks at one sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.layers import Neuron
from spikeformers.measure.observe import observe
from spikeformers.models import SpikingModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Raster:
    """One call of one neuron layer.

    Args:
        name, call: our name of the layer, and which of its calls in the pass: 0, 1, ...
        values: what the layer emits: "binary", "integer up to 4", "real", ...
        spikes: [T, n] of the chosen neurons: 0 and 1, -1 too of a ternary layer, integers of an integer one (before
            they are scaled); of an analog one its real outputs.
        neurons: how many the layer has.
        channels, positions: of each chosen neuron, by channel and then by position; a position counts along the rows
            of the map.
    """

    name: str
    call: int
    values: str
    spikes: np.ndarray
    neurons: int
    channels: tuple[int, ...]
    positions: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        words = ("name", "call", "values", "neurons", "channels", "positions")
        return {**{word: getattr(self, word) for word in words}, "spikes": self.spikes.tolist()}


def rasters(model: SpikingModel, x: Tensor, *, neurons: int = 48, seed: int = 0) -> tuple[Raster, ...]:
    """Run a model on one sample and keep what some neurons of each layer emit, in order of execution.

    Args:
        model: in the mode it is meant to be looked at in; its mode, weights and buffers are left as they are.
        x: one sample, [1, C, H, W] or [1, T, C, H, W].
        neurons: of each layer; all of one that has no more. They are drawn without regard to whether they fire.
        seed: of the choice.

    Raises:
        InputError: there is more than one sample, or no neuron is asked for.
    """
    if len(x) != 1:
        raise InputError(f"a raster is of one sample, got {len(x)}. Take one with x[:1].")
    if neurons < 1:
        raise InputError(f"a raster shows at least one neuron, got neurons = {neurons}.")
    shown: list[Raster] = []
    calls: dict[str, int] = {}

    def look(name: str, neuron: Neuron, current: Tensor, output: Tensor) -> None:
        calls[name] = calls.get(name, -1) + 1
        values = neuron.values
        whole = output if values.kind == "real" or values.scale == 1 else (output / values.scale).round()
        flat = whole.reshape(len(whole), -1).float().cpu().numpy()  # [T, C N]
        count, positions = flat.shape[1], flat.shape[1] // output.shape[2]
        generator = np.random.default_rng([seed, len(shown)])
        chosen = np.sort(generator.choice(count, min(neurons, count), replace=False, shuffle=False))
        shown.append(
            Raster(
                name=name,
                call=calls[name],
                values=str(values),
                spikes=flat[:, chosen] if values.kind == "real" else flat[:, chosen].astype(np.int64),
                neurons=count,
                channels=tuple((chosen // positions).tolist()),
                positions=tuple((chosen % positions).tolist()),
            )
        )

    observe(getattr(model, "_orig_mod", model), x, look)
    return tuple(shown)
