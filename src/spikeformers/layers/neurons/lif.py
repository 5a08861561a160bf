"""The leaky integrate-and-fire family."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons.base import Neuron
from spikeformers.layers.values import TERNARY
from spikeformers.ops import Dynamics, lif, potentials


class LIF(Neuron):
    """Leaky integrate-and-fire with a fixed time constant; keyword arguments are those of `ops.Dynamics`."""

    def __init__(self, **words: Any) -> None:
        super().__init__()
        self.dynamics = Dynamics(**words)
        self.v_threshold = self.dynamics.v_threshold

    @property
    def inverse_tau(self) -> Tensor | None:
        """A learned 1/tau, or None."""
        return None

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Input current [T, ...] -> spikes [T, ...]."""
        before = None if memory is None else memory.recall(self)
        out, after = lif(x, before, self.dynamics, inverse_tau=self.inverse_tau, keep_last=memory is not None)
        if memory is not None and after is not None:
            memory.keep(self, after)
        return out

    def potentials(self, x: Tensor) -> Tensor:
        """Input current [T, ...] -> membrane potentials H right before firing, from rest, [T, ...]."""
        return potentials(x, None, self.dynamics, inverse_tau=self.inverse_tau)

    def extra_repr(self) -> str:
        """The words that differ between layers."""
        d = self.dynamics
        return f"tau={d.tau:g}, v_threshold={d.v_threshold:g}, v_reset={d.v_reset}, surrogate={d.surrogate.name}"


class IF(LIF):
    """Integrate-and-fire: no leak, so `tau` and `decay_input` say nothing."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**{**words, "tau": math.inf})


class PLIF(LIF):
    """LIF whose 1/tau = sigmoid(w) is learned, one w per layer, starting at `tau` (Fang et al., ICCV 2021)."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        tau = self.dynamics.tau
        if not 1 < tau < math.inf:
            raise ConfigError(f"a learned time constant starts above 1 and below infinity, got tau = {tau}.")
        self.w = nn.Parameter(torch.tensor(-math.log(tau - 1)))

    @property
    def inverse_tau(self) -> Tensor:
        """sigmoid(w)."""
        return torch.sigmoid(self.w)


class TernaryLIF(LIF):
    """LIF that fires +1 above the threshold and -1 below its negative."""

    values = TERNARY

    def __init__(self, **words: Any) -> None:
        super().__init__(**{**words, "fire": "ternary"})
