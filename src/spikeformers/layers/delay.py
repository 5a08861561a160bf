"""A delay line: what comes in comes out some time steps later."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.layers.memory import Memory, TakesMemory


class Delay(TakesMemory):
    """out[t] = x[t - steps], and zeros before the first: [T, ...] of any shape and values.

    A stream keeps the last `steps` inputs in the memory, the oldest first.

    Args:
        steps: at least 1, so that no step sees itself or a later one.

    Raises:
        ConfigError: a delay of less.
    """

    def __init__(self, steps: int) -> None:
        super().__init__()
        if steps < 1:
            raise ConfigError(f"a delay is of at least one time step, got {steps}.")
        self.steps = steps

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, ...] -> the same."""
        before = None if memory is None else memory.recall(self, "x")
        if memory is None:  # nobody asks for what comes out behind the last step
            return torch.cat((x.new_zeros(min(self.steps, len(x)), *x.shape[1:]), x[: -self.steps]))
        waiting = torch.cat((x.new_zeros(self.steps, *x.shape[1:]) if before is None else before, x))
        memory.keep(self, waiting[len(x) :], "x")
        return waiting[: len(x)]

    def extra_repr(self) -> str:
        """How long."""
        return f"steps={self.steps}"
