"""CLIF: a second potential that remembers the spikes and deepens the reset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from spikeformers.layers.neurons.stepped import SteppedNeuron
from spikeformers.ops.lif import charge


class CLIF(SteppedNeuron):
    """Complementary LIF: what it fired lowers its potential further, by up to 1 (Huang et al., ICML 2024).

        H[t] = (1 - 1/tau) V[t-1] + X[t]
        S[t] = 1 where H[t] >= v_threshold
        M[t] = M[t-1] sigmoid(H[t] / tau) + S[t]
        V[t] = H[t] - S[t] (v_threshold + sigmoid(M[t]))

    The order and the equations are those of SpikingJelly's documentation of ComplementaryLIFNode. The input does not
    decay and the reset is soft, whatever `decay_input` and `v_reset` say. `detach_reset` cuts the gradient of the S in
    front of the bracket, and leaves that through M, which the neuron is made for; SpikingJelly's cuts neither.
    """

    keeps = ("v", "m")
    remembers = 2

    def __init__(self, **words: Any) -> None:
        super().__init__(**{**words, "decay_input": False, "v_reset": None})

    def step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """Current, potential and complementary potential -> spikes, H, both potentials."""
        v, m = state
        h = charge(x, v, self.dynamics)
        spikes = self.fire(h)
        m = m * torch.sigmoid(h / self.dynamics.tau) + spikes
        return spikes, h, (h - self.counted(spikes) * (self.threshold + torch.sigmoid(m)), m)
