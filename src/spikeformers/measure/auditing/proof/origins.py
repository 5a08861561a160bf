"""Which source to name where a basic operation makes integers of spikes, or real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikeformers.layers.op_spec import ElementSpec, OpSpec
from spikeformers.measure.auditing.proof.rules import RULES
from spikeformers.measure.auditing.proof.sets import NumberSet
from spikeformers.measure.auditing.proof.sources import Fact, Source, SourceKind, together

_SUMS = frozenset({"add.Tensor", "add.Scalar", "sub.Tensor", "sub.Scalar", "rsub.Tensor", "rsub.Scalar"})
_MEANS = frozenset({"mean.default", "mean.dim", "avg_pool2d.default", "avg_pool3d.default"})
_COUNTS = frozenset({"sum.default", "sum.dim_IntList", "cumsum.default", "mm.default", "bmm.default", "mv.default"})
_GROWS: dict[str, SourceKind] = {
    **dict.fromkeys(_SUMS, "sum"),
    **dict.fromkeys(_MEANS, "mean"),
    **dict.fromkeys(_COUNTS, "count"),
}
# What plain modules write as functions.
_PRODUCTS = frozenset({"mm.default", "bmm.default", "addmm.default", "baddbmm.default", "mv.default"})
_FUNCTIONS: dict[str, SourceKind] = {"convolution.default": "convolution", "_softmax.default": "softmax"}
# Of the modules that describe themselves, those whose results are told by what they are.
_TOLD: dict[str, SourceKind] = {
    "convolution": "convolution",
    "linear": "linear",
    "product": "product",
    "mask": "mask",
    "norm": "norm",
    "softmax": "softmax",
    "add": "stream",
}


@dataclass(frozen=True)
class Place:
    """Where in the model a basic operation runs: the innermost module, and the innermost that describes itself."""

    module: str = ""
    owner: str = ""
    spec: OpSpec | ElementSpec | None = None


def of_numbers(operation: str, facts: Sequence[Fact], numbers: NumberSet, place: Place) -> tuple[Source, ...]:
    """Where the whole numbers of a result come from; () of spikes."""
    if numbers.values.kind != "integer":
        return ()
    known = [fact for fact in facts if fact.numbers is not None]
    sources = together(known)
    if all(fact.numbers.reach < numbers.reach for fact in known if fact.numbers is not None):
        kind = _GROWS.get(operation)
        here = _function(operation, place) if kind is None else Source(kind, place.module)
        return tuple(dict.fromkeys([*sources, here]))
    return sources


def of_reals(operation: str, facts: Sequence[Fact], place: Place) -> tuple[Source, ...]:
    """Why a result is real."""
    real = [fact for fact in facts if fact.numbers is None]
    activations = [fact for fact in real if not _is_weights(fact)]
    if facts and all(map(_is_weights, facts)):
        return (Source("weights", place.module),)
    if place.spec is not None and place.spec.kind in _TOLD:
        return (Source(_TOLD[place.spec.kind], place.owner),)
    if operation in _PRODUCTS:
        return (Source("linear" if any(map(_is_weights, facts)) else "product", place.module),)
    if operation in _FUNCTIONS:
        return (Source(_FUNCTIONS[operation], place.module),)
    if operation in _MEANS:
        return (Source("mean", place.module), *together(activations))
    if operation in _SUMS and len(activations) < len(real) and not _is_bias(activations, place):
        return (Source("table", place.module),)
    if activations and operation in RULES:
        # These change real numbers so little that where they came from says more.
        return activations[0].sources
    return (_function(operation, place),)


def _is_bias(activations: Sequence[Fact], place: Place) -> bool:
    """Whether weights are added to what a product of the same module gives."""
    return any(fact.sources[:1] == (Source("linear", place.module),) for fact in activations)


def _function(operation: str, place: Place) -> Source:
    return Source("function", place.module, operation.partition(".")[0])


def _is_weights(fact: Fact) -> bool:
    return bool(fact.sources) and all(source.kind == "weights" for source in fact.sources)
