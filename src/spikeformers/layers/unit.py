"""A unit: convolution or linear, norm, neuron and pool in the order a paper gives them."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons import Neuron


class Unit(nn.Module):
    """Named parts run in the order they are given.

    `Unit(conv=..., norm=..., neuron=..., pool=...)` is Spikformer's stage, `Unit(neuron=..., conv=..., norm=...)`
    Spikingformer's; the names stay the same, so that checkpoints do not depend on the order.
    """

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> [T, B, C', ...]."""
        for part in self.children():
            x = part(x, memory) if isinstance(part, Neuron | Unit) else part(x)
        return x
