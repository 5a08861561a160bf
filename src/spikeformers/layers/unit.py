"""A unit: convolution or linear, norm, neuron and pool in the order a paper gives them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor, nn

from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.norm_neuron import run_norm_neuron
from spikeformers.layers.pre_activation import mark_output
from spikeformers.layers.residual import Shortcut
from spikeformers.layers.values import Values
from spikeformers.layers.vocabulary import Vocabulary


class Unit(TakesMemory):
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
        parts = list(self.children())
        done = 0
        while done < len(parts):
            part = parts[done]
            if done + 1 < len(parts) and (out := run_norm_neuron(part, parts[done + 1], x, memory)) is not None:
                x, done = out, done + 2
            else:
                out = part(x, memory) if isinstance(part, TakesMemory) else part(x)
                mark_output(part, x, out)
                x, done = out, done + 1
        return x


def unit_inputs(shortcut: Shortcut, stream: Values, vocabulary: Vocabulary) -> Values:
    """The values that reach the operation of a branch's first unit (`branch_unit`), from those of the stream."""
    return vocabulary.spikes if shortcut == "membrane" else stream


def branch_unit(
    shortcut: Shortcut,
    vocabulary: Vocabulary,
    channels: int,
    operation: dict[str, nn.Module],
    *,
    last: bool = False,
    behind: Mapping[str, nn.Module] = MappingProxyType({}),
) -> Unit:
    """One unit of a residual branch: its neuron in front or behind, as the shortcut has it.

    Args:
        channels: of the operation's output.
        operation: the convolution or linear (or several) by the names of their parts, such as {"conv": ...}.
        last: whether the branch ends here; behind a vanilla branch the neuron comes after the sum.
        behind: what follows the norm, such as {"pool": ...}.
    """
    parts = {**operation, "norm": vocabulary.build_norm(channels), **behind}
    if shortcut == "membrane":
        return Unit(neuron=vocabulary.build_neuron(), **parts)
    return Unit(**parts) if shortcut == "vanilla" and last else Unit(**parts, neuron=vocabulary.build_neuron())
