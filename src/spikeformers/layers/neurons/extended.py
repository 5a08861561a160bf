"""Neurons whose class is made at run time, of the class of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from spikeformers.layers.neurons.base import Neuron

Maker = Callable[[type[Neuron]], type[Neuron]]


class ExtendedNeuron(Neuron):
    """Base of such classes: pickle finds classes by name only, so that these are made again.

    Attributes:
        made: the function of a module that makes the class, and the class it is given.
    """

    made: ClassVar[tuple[Maker, type[Neuron]]]

    def __reduce__(self) -> tuple[Any, ...]:
        kind: type[Neuron] = type(self)
        makers: list[Maker] = []
        while issubclass(kind, ExtendedNeuron):
            maker, kind = kind.made
            makers.insert(0, maker)
        return _blank, (kind, makers), self.__dict__


def _blank(kind: type[Neuron], makers: list[Maker]) -> Neuron:
    for maker in makers:
        kind = maker(kind)
    return kind.__new__(kind)
