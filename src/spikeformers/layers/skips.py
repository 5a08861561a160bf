"""Delayed skips between blocks: what one block puts out reaches a later one some time steps later.

After TSkips (Malettira et al., "TSkips: Efficiency Through Explicit Temporal Delay Connections in Spiking Neural
Networks", TMLR 2025). The form is derived: the paper's own equations were not at hand, its current
W_m s_{m-1}[t] + alpha P(s_n[t - delay]) is what its text describes. Here P is a linear without bias, and what comes out
joins the stream in front of the later block as any branch does. Skips back to an earlier block are not built: their
pass would have to go through all blocks one time step at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from spikeformers.layers.delay import Delay
from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.residual import SPIKES_JOIN, Shortcut, build_join, joined_values
from spikeformers.layers.values import Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Linear


class Skip(NamedTuple):
    """From behind one block to in front of a later one, counted from 0 in the order they run, `delay` steps later."""

    source: int
    target: int
    delay: int


class DelayedSkip(TakesMemory):
    """stream <- join(stream, [neuron] alpha W delayed([neuron] source)).

    A neuron in front where the source is real, and one behind where the branches of the shortcut end in spikes: what is
    delayed, and what the weights meet, are spikes, or the integers of a stream of them.

    Args:
        dim: channels of source and target.
        delay: time steps, at least 1.
        back: how many blocks the source lies before the target.
        inputs: declared values of the source.
        vocabulary: neuron and norm.
        shortcut: how it joins the stream.
    """

    def __init__(
        self, dim: int, delay: int, *, back: int, inputs: Values, vocabulary: Vocabulary, shortcut: Shortcut
    ) -> None:
        super().__init__()
        self.back = back
        fires = inputs.kind == "real"
        self.neuron = vocabulary.build_neuron() if fires else None
        self.delay = Delay(delay)
        arriving = vocabulary.spikes if fires else inputs
        self.linear = Linear(dim, dim, inputs=arriving, bias=False, init="kaiming_uniform")
        self.alpha = nn.Parameter(torch.ones(()))
        self.out_neuron = vocabulary.build_neuron() if shortcut in SPIKES_JOIN else None
        self.join = build_join(shortcut, vocabulary)

    def forward(self, stream: Tensor, source: Tensor, memory: Memory | None = None) -> Tensor:
        """Stream in front of the target and behind the source, both [T, B, C, ...] -> the stream it takes."""
        if self.neuron is not None:
            source = self.neuron(source, memory)
        branch = self.linear(self.delay(source, memory))
        branch = branch * self.alpha.to(branch.dtype)
        if self.out_neuron is not None:
            branch = self.out_neuron(branch, memory)
        out: Tensor = self.join(stream, branch, memory)
        return out


class Skips:
    """The skips of a model, given to all that build its blocks, in the order in which these run.

    Args:
        skips: none is a model without; source and target have one width and map size, which the model's config checks.
    """

    def __init__(self, skips: Sequence[Skip] = ()) -> None:
        self._skips = skips
        self._behind: list[Values] = []

    def enter(self, dim: int, values: Values, shortcut: Shortcut, vocabulary: Vocabulary) -> list[DelayedSkip]:
        """The skips that join the stream, of these values, in front of the block that is built next."""
        here = len(self._behind)
        return [
            DelayedSkip(
                dim,
                skip.delay,
                back=here - skip.source,
                inputs=self._behind[skip.source],
                vocabulary=vocabulary,
                shortcut=shortcut,
            )
            for skip in self._skips
            if skip.target == here
        ]

    def leave(self, block: nn.Module, entering: list[DelayedSkip], values: Values) -> None:
        """Give the block that was built the skips in front of it; behind it the stream has these values."""
        if entering:
            block.skips = nn.ModuleList(entering)
        self._behind.append(values)


def skips_into(block: nn.Module) -> Iterator[DelayedSkip]:
    """The skips that join the stream in front of a block."""
    return iter(cast("Sequence[DelayedSkip]", getattr(block, "skips", ())))


def skipped_values(
    entering: Iterable[DelayedSkip], shortcut: Shortcut, values: Values, vocabulary: Vocabulary
) -> Values:
    """The values that reach a block behind the skips in front of it, from those of the stream before them."""
    for _ in entering:
        values = joined_values(shortcut, values, vocabulary)
    return values
