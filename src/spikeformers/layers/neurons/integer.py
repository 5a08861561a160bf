"""Neurons that emit integers, which stand for as many spikes."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons.base import Neuron
from spikeformers.layers.neurons.lif import LIF
from spikeformers.layers.values import integers
from spikeformers.ops import Dynamics, lif, potentials


class IntegerLIF(LIF):
    """LIF that emits the integer round(clamp(H, 0, levels)) and subtracts it (I-LIF, Luo et al., ECCV 2024)."""

    def __init__(self, levels: int = 4, **words: Any) -> None:
        super().__init__(**{**words, "fire": "integer", "levels": levels, "v_reset": None})
        self.values = integers(levels)


class SpikeFiringApproximation(Neuron):
    """round(clamp(x, 0, levels)) / norm at each time step by itself: no membrane potential, nothing to remember.

    Halves round to even; the gradient is straight-through, 1 / norm on [0, levels]. On a spike-driven machine an
    integer n is n binary spikes over `levels` sub-steps: see `models.unroll`. The spiking words (tau, thresholds,
    resets) say nothing here (SFA of E-SpikeFormer, Yao et al., T-PAMI 2025).

    Args:
        levels: D, the largest integer.
        norm: what the integer is divided by; None is D.
    """

    remembers = 0

    def __init__(self, levels: int = 4, norm: float | None = None, **words: Any) -> None:
        super().__init__()
        self.norm = float(levels if norm is None else norm)
        self.dynamics = Dynamics(tau=math.inf, v_reset=None, fire="integer", levels=levels)
        self.v_threshold = self.dynamics.v_threshold
        self.values = integers(levels, scale=1 / self.norm)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, ...] -> [T, ...]."""
        counts, _ = lif(x.unsqueeze(0), None, self.dynamics, keep_last=False)
        return counts.squeeze(0) / self.norm

    def potentials(self, x: Tensor) -> Tensor:
        """The current itself [T, ...]: nothing is left from the step before."""
        return potentials(x.unsqueeze(0), None, self.dynamics).squeeze(0)

    def extra_repr(self) -> str:
        """Its two words."""
        return f"levels={self.dynamics.levels}, norm={self.norm:g}"
