"""Gates on currents: numbers in (0, 1), made of the currents themselves, that they are multiplied by.

A stand-in for the Multi-dimensional Attention Spiking Transformer (Li & Liu, CISCE 2023), of which the abstract alone
was at hand, after the attention of MA-SNN over time, channels and space (Yao et al., T-PAMI 2023): a derived form, not
that paper's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError, InputError, NotStreamable
from spikeformers.layers.memory import Memory, TakesMemory, streaming
from spikeformers.layers.time_steps import checked_time_steps, wrong_time_steps
from spikeformers.layers.values import REAL
from spikeformers.layers.weighted import Classifier, Conv2d, Linear, Mask


class TemporalGate(TakesMemory):
    """sigmoid(MLP(mean) + MLP(max)) of all channels and positions, a number for each sample and time step.

    Args:
        time_steps: T, and it runs on that many only.
        ratio: T over the hidden width of the MLP, which is at least 1.

    Raises:
        ConfigError: no time step.
    """

    def __init__(self, time_steps: int, ratio: int) -> None:
        super().__init__()
        self.time_steps = checked_time_steps("gated", time_steps)
        hidden = max(1, time_steps // ratio)
        self.expand = Classifier(time_steps, hidden, inputs=REAL, init="kaiming_uniform")
        self.contract = Classifier(hidden, time_steps, inputs=REAL, init="kaiming_uniform")

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> gates [T, B, 1, ...].

        Raises:
            NotStreamable: one time step after the other.
            InputError: another number of time steps than it was built for.
        """
        if streaming(memory):
            raise NotStreamable(
                "a temporal gate weighs all time steps against each other, later ones too. "
                'Take norm = "gated(time=false)" for streaming.'
            )
        if len(x) != self.time_steps:
            raise InputError(wrong_time_steps(self, len(x), self.time_steps))
        each = x.flatten(2)
        gates = _mean_and_max(lambda pooled: self.contract(self.expand(pooled.t()).relu()).t(), each)  # [T, B]
        return gates.view(*gates.shape, *[1] * (x.dim() - 2))


class ChannelGate(nn.Module):
    """sigmoid(MLP(mean) + MLP(max)) of all positions, a number for each sample, time step and channel.

    Args:
        channels: C.
        ratio: C over the hidden width of the MLP, which is at least 1.
    """

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        hidden = max(1, channels // ratio)
        self.expand = Linear(channels, hidden, inputs=REAL, init="kaiming_uniform")
        self.contract = Linear(hidden, channels, inputs=REAL, init="kaiming_uniform")

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, ...] -> gates [T, B, C, 1, ...]."""
        each = x.flatten(3)
        gates = _mean_and_max(lambda pooled: self.contract(self.expand(pooled.unsqueeze(-1)).relu()), each)
        return gates.view(*gates.shape[:3], *[1] * (x.dim() - 3))


class SpatialGate(nn.Module):
    """sigmoid(7x7 convolution of mean and maximum of all channels), a number for each sample, time step and place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Conv2d(2, 1, inputs=REAL, kernel=7)

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, H, W] -> gates [T, B, 1, H, W].

        Raises:
            InputError: tokens without a map.
        """
        if x.dim() != 5:
            raise InputError(
                f"a spatial gate needs maps [T, B, C, H, W], got {list(x.shape)}. "
                'Take norm = "gated(space=false)" for tokens.'
            )
        gates: Tensor = self.conv(torch.cat([x.mean(2, keepdim=True), x.amax(2, keepdim=True)], 2))
        return gates.sigmoid()


class Gates(TakesMemory):
    """A temporal, a channel and a spatial gate, one after the other, each of what the one before let pass.

    Args:
        channels: C.
        time_steps: T; a temporal gate runs on that many only.
        time, channels_too, space: which of the three there are.
        ratio: how much narrower the hidden layers of the first two are.

    Raises:
        ConfigError: no gate, or a ratio below 1.
    """

    def __init__(
        self, channels: int, time_steps: int, *, time: bool, channels_too: bool, space: bool, ratio: int
    ) -> None:
        super().__init__()
        if ratio < 1:
            raise ConfigError(f"the ratio of gates says how much narrower hidden layers are, at least 1; got {ratio}.")
        if not (time or channels_too or space):
            raise ConfigError(
                'gates of nothing are none: take at least one of time, channels and space, or "batch_norm".'
            )
        gates: dict[str, nn.Module] = {}
        if time:
            gates["time"] = TemporalGate(time_steps, ratio)
        if channels_too:
            gates["channels"] = ChannelGate(channels, ratio)
        if space:
            gates["space"] = SpatialGate()
        self.gates = nn.ModuleDict(gates)
        self.masks = nn.ModuleDict({name: Mask(REAL, REAL) for name in gates})

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same."""
        for name, gate in self.gates.items():
            x = self.masks[name](x, gate(x, memory) if isinstance(gate, TakesMemory) else gate(x))
        return x


def _mean_and_max(mlp: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Sigmoid of the sum of what an MLP makes of the mean and of the maximum over the last axis."""
    return (mlp(x.mean(-1)) + mlp(x.amax(-1))).sigmoid()
