"""Where every attention of a model attends, as maps over the positions of its stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeformers.layers import ShowsAttention
from spikeformers.layers.attention import Over
from spikeformers.measure.observe import undisturbed
from spikeformers.models import SpikingModel


@dataclass(frozen=True, kw_only=True, eq=False)
class AttentionMap:
    """One call of one attention.

    Args:
        name, call: our name of the module, and which of its calls in the pass: 0, 1, ...
        meaning: what the values are, in words that complete "drawn is ...".
        over: what it attends over: "space", "time" (each place by itself, so that only the time steps of a place are
            to be compared) or "space and time".
        values: float64 [B, T, H, W], T = 1 where the model takes one time step, on the grid of the tokens there; H = 1
            where they are no map. Whole numbers where queries and keys are spikes.
    """

    name: str
    call: int
    meaning: str
    over: Over
    values: np.ndarray

    def relative(self) -> np.ndarray:
        """The values over their mean among those that compete: 1 is no more than all others; 0 where all are 0.

        Competing are the positions of a time step, of an attention over time the time steps of a place, of one over
        both all positions of a sample.
        """
        axes = {"space": (2, 3), "time": (1,), "space and time": (1, 2, 3)}[self.over]
        mean = np.abs(self.values).mean(axes, keepdims=True)
        relative: np.ndarray = np.divide(self.values, mean, out=np.zeros_like(self.values), where=mean > 0)
        return relative

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        words = {word: getattr(self, word) for word in ("name", "call", "meaning", "over")}
        return {**words, "values": self.values.tolist()}


@torch.no_grad()
def attention_maps(model: SpikingModel, x: Tensor) -> tuple[AttentionMap, ...]:
    """Run a model once and see how much attention each position receives, in order of execution.

    Of products of spikes (SSA, SDSA-3, SDSA-4) that is the sum of q · k over all queries and heads, whichever product
    is taken first; of masks (SDSA-1, SDSA-2) the number of spikes that pass; of softmax attention the mean weight.
    What the values at a position hold, and how much of them the neuron behind lets pass, is not in a map of the first
    and the last kind.

    Args:
        model: in the mode it is meant to be looked at in; its mode, weights and buffers are left as they are.
        x: what the model takes, [B, C, H, W] or [B, T, C, H, W].

    Returns:
        One `AttentionMap` for each call of an attention; none where a model has none.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wraps
    maps: list[AttentionMap] = []
    calls: dict[str, int] = {}

    def show(name: str, attention: ShowsAttention) -> Callable[[Tensor], None]:
        def shown(received: Tensor) -> None:
            calls[name] = calls.get(name, -1) + 1
            values = received.transpose(0, 1).double().cpu().numpy()  # [B, T, ...]
            grid = (1, *values.shape[2:])[-2:]
            maps.append(
                AttentionMap(
                    name=name,
                    call=calls[name],
                    meaning=attention.shown,
                    over=attention.over,
                    values=values.reshape(*values.shape[:2], *grid),
                )
            )

        return shown

    handles = [
        handle
        for name, module in model.named_modules()
        if isinstance(module, ShowsAttention)
        for handle in module.show_maps(show(name, module))
    ]
    with undisturbed(model, handles):
        model(x)
    return tuple(maps)
