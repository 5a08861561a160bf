"""KLIF: a learned factor on the membrane potential, which sets the slope of the surrogate gradient too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.layers.neurons.stepped import SteppedNeuron
from spikeformers.ops.lif import charge, reset


class KLIF(SteppedNeuron):
    """LIF that fires by F = ReLU(k H), with one learned k per layer (Jiang and Zhang, arXiv 2302.09238, 2023).

    Charge H as LIF; S = 1 where F >= v_threshold; then the reset of LIF acts on F in the place of H, with
    `scale_reset` on what is F / k: hard F (1 - S) / k + S v_reset, soft (F - S v_threshold) / k. These are the
    equations of SpikingJelly's documentation of KLIFNode. A potential below zero is forgotten, so that with k = 1 it is
    a LIF as long as none is.

    Args:
        k: where the learned factor starts.
        scale_reset: whether the reset takes the factor out again.
        words: see `ops.Dynamics`.
    """

    def __init__(self, *, k: float = 1.0, scale_reset: bool = False, **words: Any) -> None:
        super().__init__(**words)
        self.k = nn.Parameter(torch.tensor(float(k)))
        self.scale_reset = scale_reset

    def step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """Current and potential -> spikes, F, potential."""
        (v,) = state
        f = torch.relu(self.k * charge(x, v, self.dynamics))
        spikes = self.fire(f)
        counted = self.counted(spikes)
        if not self.scale_reset:
            return spikes, f, (reset(f, counted, self.dynamics),)
        if self.dynamics.v_reset is None:
            return spikes, f, (reset(f, counted, self.dynamics) / self.k,)
        return spikes, f, (reset(f / self.k, counted, self.dynamics),)
