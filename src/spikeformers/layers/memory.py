"""What neurons remember between two calls, passed explicitly.

A forward pass over T time steps gets no memory: every neuron starts from rest and leaves nothing behind. A streaming
step passes one: each neuron recalls its potential from it and keeps the new one in it.
"""

from __future__ import annotations

from torch import Tensor, nn


class Memory:
    """State before and after one streaming step, by the module it belongs to.

    Args:
        before: tensors of the step before, by (module, word); what is missing is at rest.
    """

    def __init__(self, before: dict[tuple[nn.Module, str], Tensor]) -> None:
        self._before = before
        self.after: dict[tuple[nn.Module, str], Tensor] = {}

    def recall(self, module: nn.Module, word: str = "v") -> Tensor | None:
        """The tensor kept one step ago, or None at rest."""
        return self._before.get((module, word))

    def keep(self, module: nn.Module, value: Tensor, word: str = "v") -> None:
        """Keep a tensor for the next step."""
        self.after[module, word] = value


class TakesMemory(nn.Module):
    """Base of modules whose `forward` takes activations and a memory, which may be None."""


class StepByStep(TakesMemory):
    """Base of those that run modules inside them once for each time step of a pass, each of which needs the one before.

    Who watches a model joins those calls over time: [1, ...] T times is [T, ...].
    """
