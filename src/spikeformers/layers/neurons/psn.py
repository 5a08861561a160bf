"""PSN: potentials that are weighted sums of the currents of all time steps, without a reset."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.errors import InputError, NotStreamable
from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons.base import Neuron
from spikeformers.layers.neurons.stepped import check_current
from spikeformers.layers.time_steps import checked_time_steps, wrong_time_steps
from spikeformers.ops import Dynamics, heaviside


class PSN(Neuron):
    """Parallel spiking neuron: H = W X over time, S[t] = 1 where H[t] >= B[t] (Fang et al., NeurIPS 2023).

    W [T, T] and the thresholds B [T] are learned, the same for all neurons of a layer. There is no reset: `tau`,
    `v_reset`, `decay_input` and `detach_reset` say nothing. B starts at `v_threshold`, W uniform in +-1/sqrt(T) as far
    as known. W sees later steps, so that it cannot be run step by step. With `causal` it sees none: the paper's masked
    PSN of order T, without the gradual onset of the mask. It then starts as the LIF of `tau` and `decay_input` would
    integrate without a reset, which is our choice: of random weights, its first steps would have few to fire by.

    Args:
        time_steps: T, and it runs on that many only.
        causal: whether step t sees the steps up to t only.
        words: see `ops.Dynamics`.

    Raises:
        ConfigError: no time step.
    """

    def __init__(self, time_steps: int, *, causal: bool = False, **words: Any) -> None:
        super().__init__()
        self.dynamics = Dynamics(**words)
        self.v_threshold: float = self.dynamics.v_threshold
        T = self.time_steps = checked_time_steps("psn", time_steps)
        self.causal = causal
        # It keeps the currents of the steps before.
        self.remembers = T - 1 if causal else T
        start = _lif_weights(T, self.dynamics) if causal else torch.empty(T, T).uniform_(-1, 1) / math.sqrt(T)
        self.weight = nn.Parameter(start)
        self.thresholds = nn.Parameter(torch.full((T,), self.v_threshold))

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Input current [T, ...] -> spikes [T, ...].

        Raises:
            InputError: another number of time steps than it was built for.
            NotStreamable: with a memory, unless it is causal.
        """
        return heaviside(self._above(x, memory), self.dynamics.surrogate)

    @torch.no_grad()
    def potentials(self, x: Tensor) -> Tensor:
        """H - B + v_threshold [T, ...]: v_threshold is what those of every step are held against."""
        return self._above(x, None) + self.v_threshold

    def _above(self, x: Tensor, memory: Memory | None) -> Tensor:
        """H - B."""
        check_current(x)
        if memory is not None and not self.causal:
            raise NotStreamable(
                "a PSN weighs the currents of all time steps, later ones too, so that none can be run before the "
                'others are known. Take neuron = "psn(causal=true)" or "sliding_psn" for streaming.'
            )
        before = None if memory is None else memory.recall(self, "x")
        seen = x if before is None else torch.cat((before, x))
        if len(seen) > self.time_steps or (memory is None and len(seen) < self.time_steps):
            raise InputError(wrong_time_steps(self, len(seen), self.time_steps))
        if memory is not None:
            memory.keep(self, seen, "x")
        steps = range(len(seen) - len(x), len(seen))
        if self.causal:
            # In this order both step by step and all at once, so that they agree to the last bit.
            h = torch.stack([weighted_sum(self.weight[t], seen[: t + 1]) for t in steps])
        else:
            h = (self.weight.to(x.dtype) @ x.flatten(1)).view(x.shape)
        return h - self.thresholds[steps.start : steps.stop].to(h.dtype).view(-1, *[1] * (x.dim() - 1))

    def extra_repr(self) -> str:
        """Its words."""
        return f"time_steps={self.time_steps}, causal={self.causal}, surrogate={self.dynamics.surrogate.name}"


def lif_kernel(lags: int, dynamics: Dynamics) -> Tensor:
    """What a LIF without reset makes of a current 0, 1, ... steps later, [lags]."""
    tau = dynamics.tau
    gain = 1 / tau if dynamics.decay_input and not math.isinf(tau) else 1.0
    return torch.tensor([gain * (1 - 1 / tau) ** lag for lag in range(lags)])


def _lif_weights(T: int, dynamics: Dynamics) -> Tensor:
    """The kernel as a matrix [T, T]; 0 for later steps."""
    kernel = lif_kernel(T, dynamics)
    return torch.stack([F.pad(kernel[: t + 1].flip(0), (0, T - 1 - t)) for t in range(T)])


def weighted_sum(weights: Tensor, x: Tensor) -> Tensor:
    """Sum over i of weights[i] x[i], one after the other, for as many as there are x [n, ...]."""
    total = weights[0] * x[0]
    for i in range(1, len(x)):
        total = total + weights[i] * x[i]
    return total
