"""LIF with a learned threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.layers.neurons.stepped import SteppedNeuron
from spikeformers.ops.lif import charge, reset


class LearnedThresholdLIF(SteppedNeuron):
    """LIF whose threshold is learned, one per layer, starting at `v_threshold`.

    Learned thresholds are those of LTMD (Wang, Cheng, Lim, NeurIPS 2022), whose threshold is the hyperbolic tangent of
    a parameter, as far as known. Ours is v_threshold exp(log_threshold), which stays positive and may grow above 1. The
    soft reset subtracts the learned threshold; its gradient is kept also with `detach_reset`, which is about the
    spikes.
    """

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self.log_threshold = nn.Parameter(torch.zeros(()))

    @property
    def threshold(self) -> Tensor:
        """v_threshold exp(log_threshold)."""
        return self.dynamics.v_threshold * torch.exp(self.log_threshold)

    def step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """Current and potential -> spikes, H, potential."""
        (v,) = state
        h = charge(x, v, self.dynamics)
        spikes = self.fire(h)
        counted = self.counted(spikes)
        if self.dynamics.v_reset is None:
            return spikes, h, (h - counted * self.threshold,)
        return spikes, h, (reset(h, counted, self.dynamics),)
