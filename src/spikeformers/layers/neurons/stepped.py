"""Neurons whose dynamics are not those of `ops.lif`: one rule for a time step, run in a plain loop under autograd."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.layers.memory import Memory
from spikeformers.layers.neurons.base import Neuron
from spikeformers.ops import Dynamics, heaviside


class SteppedNeuron(Neuron):
    """A neuron with a membrane potential that says what happens in one time step.

    Keyword arguments are those of `ops.Dynamics`. A subclass names in `keeps` what it carries from step to step, the
    potential "v" first; all of it is at rest before the first one.
    """

    keeps: ClassVar[tuple[str, ...]] = ("v",)

    def __init__(self, **words: Any) -> None:
        super().__init__()
        self.dynamics = Dynamics(**words)

    @abstractmethod
    def step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """Current [...] and what is kept -> spikes, the potential that the threshold was held against, what is kept."""

    @property
    def threshold(self) -> Tensor | float:
        """What the potential is held against; a tensor [] where it is learned."""
        return self.dynamics.v_threshold

    @property
    def v_threshold(self) -> float:  # type: ignore[override]
        """The threshold at present: a learned one moves."""
        return float(torch.as_tensor(self.threshold).detach())

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Input current [T, ...] -> spikes [T, ...]."""
        before = [None if memory is None else memory.recall(self, word) for word in self.keeps]
        spikes, _, after = self._run(x, before)
        if memory is not None:
            for word, value in zip(self.keeps, after, strict=True):
                memory.keep(self, value, word)
        return spikes

    @torch.no_grad()
    def potentials(self, x: Tensor) -> Tensor:
        """Input current [T, ...] -> potentials right before firing, of a run from rest, [T, ...]."""
        return self._run(x, [None] * len(self.keeps))[1]

    def fire(self, h: Tensor) -> Tensor:
        """Spikes of a potential, with the surrogate gradient."""
        return heaviside(h - self.threshold, self.dynamics.surrogate)

    def counted(self, spikes: Tensor) -> Tensor:
        """The spikes as the reset counts them: with detach_reset they carry no gradient."""
        return spikes.detach() if self.dynamics.detach_reset else spikes

    def _run(self, x: Tensor, before: Iterable[Tensor | None]) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        check_current(x)
        state: Sequence[Tensor] = [torch.full_like(x[0], self.dynamics.rest) if v is None else v for v in before]
        spikes, potentials = [], []
        for x_t in x:
            if self.dynamics.detach_membrane:
                state = [v.detach() for v in state]
            fired, h, state = self.step(x_t, *state)
            spikes.append(fired)
            potentials.append(h)
        return torch.stack(spikes), torch.stack(potentials), state

    def extra_repr(self) -> str:
        """The words that differ between layers."""
        d = self.dynamics
        return f"tau={d.tau:g}, v_threshold={self.v_threshold:g}, v_reset={d.v_reset}, surrogate={d.surrogate.name}"


def check_current(x: Tensor) -> None:
    """Raise InputError unless this is a floating point current [T, ...] with T >= 1."""
    if x.dim() == 0 or x.shape[0] == 0 or not x.is_floating_point():
        raise InputError(
            f"a neuron takes a floating point current [T, ...] with T >= 1, got {x.dtype} {list(x.shape)}."
        )
