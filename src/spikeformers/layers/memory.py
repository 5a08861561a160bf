"""What neurons remember between two calls, passed explicitly.

A forward pass over T time steps gets no memory: every neuron starts from rest and leaves nothing behind. A streaming
step passes one: each neuron recalls its potential from it and keeps the new one in it. Blocks that run on some of the
tokens only are told which by the memory too; outside a stream it then is one that is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn


@dataclass(frozen=True)
class Chosen:
    """The tokens that blocks run on.

    Args:
        index: their positions, [T, B, K], ascending.
        tokens: N, of how many.
    """

    index: Tensor
    tokens: int


class Memory:
    """State before and after one streaming step, by the module it belongs to.

    Args:
        before: tensors of the step before, by (module, word); what is missing is at rest.

    Attributes:
        streams: whether this is a streaming step; if not, all time steps are there, and nothing is kept of them.
        chosen: the tokens that are there, None for all.
    """

    def __init__(self, before: dict[tuple[nn.Module, str], Tensor]) -> None:
        self._before = before
        self.after: dict[tuple[nn.Module, str], Tensor] = {}
        self.streams = True
        self.chosen: Chosen | None = None

    @classmethod
    def of_tokens(cls, chosen: Chosen, memory: Memory | None) -> Self:
        """The same memory, or one of no stream where there is none, for what runs on these tokens only."""
        made = cls({} if memory is None else memory._before)
        if memory is not None:
            made.after = memory.after
        made.streams, made.chosen = streaming(memory), chosen
        return made

    def scratch(self) -> Memory:
        """The same state before, and one after that nobody keeps: to see what would have been."""
        return Memory(self._before)

    def recall(self, module: nn.Module, word: str = "v") -> Tensor | None:
        """The tensor kept one step ago, or None at rest."""
        return self._before.get((module, word))

    def keep(self, module: nn.Module, value: Tensor, word: str = "v") -> None:
        """Keep a tensor for the next step."""
        self.after[module, word] = value

    def hold(self, module: nn.Module) -> None:
        """Keep for the next step what a module kept for this one, which it does not see."""
        for (owner, word), value in self._before.items():
            if owner is module:
                self.after.setdefault((owner, word), value)


def streaming(memory: Memory | None) -> bool:
    """Whether this is a streaming step, not a pass over all time steps."""
    return memory is not None and memory.streams


class TakesMemory(nn.Module):
    """Base of modules whose `forward` takes activations and a memory, which may be None."""


class StepByStep(TakesMemory):
    """Base of those that run modules inside them once for each time step of a pass, each of which needs the one before.

    Who watches a model joins those calls over time: [1, ...] T times is [T, ...].
    """
