"""What every spiking neuron offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.op_spec import ElementSpec
from spikeformers.layers.values import BINARY, Values


class Neuron(TakesMemory, ABC):
    """What every spiking neuron offers.

    `values` declares what it emits, `remembers` how many numbers it keeps from one time step to the next for each of
    its outputs: 1 is a membrane potential, 0 nothing. A subclass that cannot be run one time step at a time raises
    NotStreamable when it is given a memory. `v_threshold` is what `potentials` are held against, of an integer neuron
    the unit it counts them in; None where there is no threshold.
    """

    values: Values = BINARY
    remembers: int = 1
    v_threshold: float | None = None

    @abstractmethod
    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Input current [T, ...] -> output [T, ...]."""

    def reset_spikes(self, x: Tensor) -> Tensor | None:
        """The spikes that only reset an analog neuron, [T, ...]; None where the output is the spikes."""
        return None

    def potentials(self, x: Tensor) -> Tensor | None:
        """Membrane potentials right before firing, [T, ...], of a run from rest; None where there is no threshold."""
        return None

    def element_spec(self) -> ElementSpec:
        """The neuron."""
        return ElementSpec(kind="neuron", remembers=self.remembers)
