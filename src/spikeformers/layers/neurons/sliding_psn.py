"""Sliding PSN: potentials that are weighted sums of the last few currents, without a reset."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons.base import Neuron
from spikeformers.layers.neurons.psn import lif_kernel, weighted_sum
from spikeformers.layers.neurons.stepped import check_current
from spikeformers.ops import Dynamics, heaviside


class SlidingPSN(Neuron):
    """H[t] = sum over i < k of W[i] X[t - k + 1 + i], S[t] = 1 where H[t] >= B (Fang et al., NeurIPS 2023).

    A causal convolution over time, with currents of 0 before the first step; W [k] and the threshold B are learned, the
    same for all neurons of a layer and all steps, so that it takes any number of them. There is no reset: `v_reset` and
    `detach_reset` say nothing. It starts as the LIF of `tau` and `decay_input` would integrate k steps without one; at
    tau 2 without decay of the input that is the start (..., 1/4, 1/2, 1) of SpikingJelly's documentation.

    Args:
        order: k, the number of currents it weighs.
        words: see `ops.Dynamics`.

    Raises:
        ConfigError: an order below 1.
    """

    def __init__(self, *, order: int = 4, **words: Any) -> None:
        super().__init__()
        if order < 1:
            raise ConfigError(f"the order of sliding_psn is the number of currents it weighs, at least 1; got {order}.")
        self.dynamics = Dynamics(**words)
        self.v_threshold: float = self.dynamics.v_threshold
        self.order = order
        self.remembers = order - 1
        self.weight = nn.Parameter(lif_kernel(order, self.dynamics).flip(0))
        self.threshold = nn.Parameter(torch.tensor(self.v_threshold))

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Input current [T, ...] -> spikes [T, ...]."""
        return heaviside(self._above(x, memory), self.dynamics.surrogate)

    @torch.no_grad()
    def potentials(self, x: Tensor) -> Tensor:
        """H - B + v_threshold [T, ...]: v_threshold is what they are held against, also when B has moved."""
        return self._above(x, None) + self.v_threshold

    def _above(self, x: Tensor, memory: Memory | None) -> Tensor:
        """H - B."""
        check_current(x)
        before = None if memory is None else memory.recall(self, "x")
        if before is None:
            before = x.new_zeros(self.order - 1, *x.shape[1:])
        seen = torch.cat((before, x))
        if memory is not None and self.order > 1:
            memory.keep(self, seen[1 - self.order :], "x")
        taps = seen.unfold(0, self.order, 1).movedim(-1, 0)  # [k, T, ...], a view
        return weighted_sum(self.weight, taps) - self.threshold

    def extra_repr(self) -> str:
        """Its words."""
        return f"order={self.order}, surrogate={self.dynamics.surrogate.name}"
