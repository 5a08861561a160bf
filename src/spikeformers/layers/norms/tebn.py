"""TEBN: batch normalisation with a learned factor for each time step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.norms.batch_norm import BatchNorm
from spikeformers.layers.time_steps import checked_time_steps, steps_of


class TemporalEffectiveBatchNorm(TakesMemory, BatchNorm):
    """scale[t] BatchNorm(x)[t], one learned number for each time step (TEBN, Duan et al., NeurIPS 2022).

    Mean and variance are of all time steps together; the scale is that of SpikingJelly's documentation, of weight and
    bias alike. It starts at 1, where it is `BatchNorm`. No one factor and shift does for all steps, so that it does not
    fold into the operation in front of it.

    Args:
        channels: C.
        time_steps: T, and it runs on that many only.

    Raises:
        ConfigError: no time step.
    """

    def __init__(self, channels: int, *, time_steps: int) -> None:
        super().__init__(channels)
        self.time_steps = checked_time_steps("tebn", time_steps)
        self.scale = nn.Parameter(torch.ones(self.time_steps))

    def forward(self, input: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same.

        Raises:
            InputError: another number of time steps than it was built for.
        """
        steps = steps_of(self, len(input), self.time_steps, memory)
        out = BatchNorm.forward(self, input)
        return out * self.scale[steps].to(out.dtype).view(-1, *[1] * (out.dim() - 1))
