"""Where the numbers of a tensor come from: what an audit names as the reason that they are no spikes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from spikeformers.measure.auditing.proof.sets import NumberSet

SourceKind = Literal[
    # of integers
    "sum",
    "count",
    "mean",
    "levels",
    # of real numbers
    "input",
    "weights",
    "table",
    "stream",
    "convolution",
    "linear",
    "product",
    "mask",
    "norm",
    "softmax",
    "analog",
    "broken",
    "read",
    "function",
    "outside",
]


@dataclass(frozen=True)
class Source:
    """A place in a model where numbers that are no spikes arise.

    Args:
        kind: "sum" (of spikes: two activations added), "count" (of spikes, over positions or by a matrix product),
            "mean", "levels" (a neuron that emits integers); "input" (of the model), "weights" (of a module,
            themselves), "table" (weights added to activations), "stream" (a residual stream of real numbers), an
            operation, "norm" or "softmax", "analog" (a neuron that emits real numbers), "broken" (one that emits other
            values than it declares), "read" (a number taken off a tensor: what follows may depend on it), "function"
            (any other), "outside" (not seen at all).
        module: its name; "" of the model itself.
        detail: of a function its name.
    """

    kind: SourceKind
    module: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Fact:
    """What is known about the elements of a tensor, whatever the model's input.

    Args:
        numbers: the set they lie in; None where they may be any real number.
        sources: where what is no spike comes from, in order; () of spikes.
    """

    numbers: NumberSet | None
    sources: tuple[Source, ...] = ()

    def joined(self, other: Fact) -> Fact:
        """What is known of elements that this or the other holds for."""
        if self.numbers is None or other.numbers is None:
            return Fact(None, together(each for each in (self, other) if each.numbers is None))
        return Fact(self.numbers.joined(other.numbers), together((self, other)))


def together(facts: Iterable[Fact]) -> tuple[Source, ...]:
    """The sources of several tensors, each once."""
    return tuple(dict.fromkeys(source for fact in facts for source in fact.sources))
