"""GLIF: learned gates between two kinds of leak, of integration and of reset."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons.stepped import SteppedNeuron, check_current
from spikeformers.layers.time_steps import checked_time_steps, steps_of


class GLIF(SteppedNeuron):
    """Gated LIF, one set of parameters per layer (Yao et al., NeurIPS 2022).

    With the gates a (leak), b (input) and c (reset), each the sigmoid of a parameter:

        U[t] = (1 - a (1 - e)) (1 - c S[t-1]) U[t-1] - (1 - a) l + (1 - b (1 - g[t])) X[t] - (1 - c) r S[t-1]
        S[t] = 1 where U[t] >= threshold

    a: exponential leak (1) or linear (0); b: a conductance g of its own at each time step, or none; c: hard reset to 0
    (1) or soft (0). The equation is given as far as known; it is what SpikingJelly's GatedLIFNode computes, compared as
    a black box. There e, g, l, r and the threshold are sigmoids. Here e and g are; the other three are exponentials, so
    that they stay positive and the threshold may be 1. It starts at e = 1 - 1/tau, g = 1/tau, the threshold and r at
    `v_threshold`, l = v_threshold / (2 T): with all gates at 1 that is the LIF of these words with hard reset to 0. The
    gates take the place of `decay_input` and `v_reset`.

    Args:
        time_steps: T, and it runs on that many only.
        leak_gate, input_gate, reset_gate: where a, b and c start, between 0 and 1.
        words: see `ops.Dynamics`.

    Raises:
        ConfigError: a gate, tau or time_steps that it cannot start from.
    """

    def __init__(
        self,
        time_steps: int,
        *,
        leak_gate: float = 0.5,
        input_gate: float = 0.5,
        reset_gate: float = 0.5,
        **words: Any,
    ) -> None:
        super().__init__(**{**words, "v_reset": None})
        self.time_steps = checked_time_steps("glif", time_steps)
        tau = self.dynamics.tau
        if not 1 < tau < math.inf:
            raise ConfigError(f"glif learns its leak, which starts at a tau above 1 and below infinity, got {tau}.")
        self.leak_gate = _gate("leak_gate", leak_gate)
        self.input_gate = _gate("input_gate", input_gate)
        self.reset_gate = _gate("reset_gate", reset_gate)
        self.leak = _gate("leak", 1 - 1 / tau)
        self.conductance = nn.Parameter(torch.full((self.time_steps,), -math.log(tau - 1)))
        self.log_threshold = nn.Parameter(torch.zeros(()))
        self.log_soft_reset = nn.Parameter(torch.zeros(()))
        self.log_linear_leak = nn.Parameter(torch.tensor(-math.log(2 * self.time_steps)))

    @property
    def threshold(self) -> Tensor:
        """v_threshold exp(log_threshold)."""
        return self.dynamics.v_threshold * torch.exp(self.log_threshold)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Input current [T, ...] -> spikes [T, ...]."""
        return super().forward(self._let_in(x, steps_of(self, len(x), self.time_steps, memory)), memory)

    @torch.no_grad()
    def potentials(self, x: Tensor) -> Tensor:
        """Input current [T, ...] -> U of a run from rest, [T, ...]."""
        return super().potentials(self._let_in(x, steps_of(self, len(x), self.time_steps, None)))

    def step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """What was let in, and what is left of the step before -> spikes, U, what is left."""
        (left,) = state
        u = left + x
        spikes = self.fire(u)
        counted, hard = self.counted(spikes), torch.sigmoid(self.reset_gate)
        kept = 1 - torch.sigmoid(self.leak_gate) * (1 - torch.sigmoid(self.leak))
        soft = self.dynamics.v_threshold * torch.exp(self.log_soft_reset)
        return spikes, u, (kept * (u * (1 - hard * counted)) - (1 - hard) * soft * counted,)

    def _let_in(self, x: Tensor, steps: slice) -> Tensor:
        """(1 - b (1 - g)) X - (1 - a) l of these time steps."""
        check_current(x)
        gain = 1 - torch.sigmoid(self.input_gate) * (1 - torch.sigmoid(self.conductance[steps]))
        linear = self.dynamics.v_threshold * torch.exp(self.log_linear_leak)
        lost = (1 - torch.sigmoid(self.leak_gate)) * linear
        return x * gain.to(x.dtype).view(-1, *[1] * (x.dim() - 1)) - lost


def _gate(word: str, value: float) -> nn.Parameter:
    """A parameter whose sigmoid starts there."""
    if not 0 < value < 1:
        raise ConfigError(f"{word} of glif starts between 0 and 1, both excluded, got {value}.")
    return nn.Parameter(torch.tensor(math.log(value / (1 - value))))
