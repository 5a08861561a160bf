"""Batch normalisation with gates behind it."""

from __future__ import annotations

from torch import Tensor

from spikeformers.layers.gates import Gates
from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.norms.batch_norm import BatchNorm


class GatedBatchNorm(TakesMemory):
    """The currents that `BatchNorm` gives, times gates over time, channels and space (see `layers.gates`).

    A stand-in, derived: the paper it stands for (Li & Liu, CISCE 2023) is known from its abstract only. The currents
    are multiplied by real numbers, which costs multiplications on every neuron's input and does not fold into weights.

    Args:
        channels_in: channels C.
        time_steps: T; with `time` it runs on that many only, all of them at once.
        time, channels, space: which gates there are; `space` needs maps.
        ratio: how much narrower the hidden layers of the first two are.

    Raises:
        ConfigError: no gate, or a ratio below 1.
    """

    def __init__(
        self,
        channels_in: int,
        *,
        time_steps: int,
        time: bool = True,
        channels: bool = True,
        space: bool = True,
        ratio: int = 4,
    ) -> None:
        super().__init__()
        self.batch_norm = BatchNorm(channels_in)
        self.gates = Gates(channels_in, time_steps, time=time, channels_too=channels, space=space, ratio=ratio)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same.

        Raises:
            NotStreamable: one time step after the other, with a gate over time.
            InputError: another number of time steps, or no maps.
        """
        out: Tensor = self.gates(self.batch_norm(x), memory)
        return out
