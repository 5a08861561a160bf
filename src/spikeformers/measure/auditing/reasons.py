"""The reasons of an audit in words, for a reader who knows spiking networks."""

from __future__ import annotations

from collections.abc import Sequence

from spikeformers.measure.auditing.audited import Verdict
from spikeformers.measure.auditing.judging import Operand
from spikeformers.measure.auditing.proof.sources import Source, SourceKind
from spikeformers.measure.counting.counts import Seen

_BEHIND = ", with no neuron in between"
_PHRASES: dict[SourceKind, str] = {
    "sum": "sums of spikes ({})",
    "count": "counts of spikes ({})",
    "levels": "integers that {} emits",
    "input": "the model's input",
    "weights": "weights of {}",
    "table": "activations plus a learned table ({})",
    "stream": "the residual stream behind {}, which is real",
    "convolution": "the output of {}, a convolution" + _BEHIND,
    "linear": "the output of {}, a linear" + _BEHIND,
    "product": "the output of {}, a matrix product" + _BEHIND,
    "mask": "the output of {}, an element-wise product" + _BEHIND,
    "norm": "the output of {}, a norm" + _BEHIND,
    "softmax": "the softmax weights of {}",
    "analog": "real numbers that {} emits: no spiking neuron",
    "broken": "what {} emits, which is not what it declares",
    "read": "what follows a look at the numbers of a tensor in {}",
    "function": "{}",
    "outside": "numbers from outside PyTorch's operations",
}


def source_of(operands: Sequence[Operand]) -> str:
    """Where the operands that are no spikes come from."""
    return _told([operand for operand in operands if operand.kind in ("integer", "real")])


def reason(verdict: Verdict, operands: Sequence[Operand]) -> str:
    """Why an operation has its verdict; "" of one that is fed spikes."""
    broken = [
        f"Declared {operand.declared}, but {_shown(operand.seen)} were seen."
        for operand in operands
        if operand.violation
    ]
    found = _of_weights(verdict, operands[0]) if len(operands) == 1 else _of_two(verdict, operands)
    return " ".join([*broken, *filter(None, [found])])


def _of_weights(verdict: Verdict, operand: Operand) -> str:
    told, declared = _told([operand]), operand.declared
    if verdict == "additions only":
        return ""
    if verdict == "integer":
        return f"Fed {told}; an integer n takes n additions, or one multiplication."
    if operand.seen.kind != "real" and declared is not None and declared.kind == "real":
        return f"Fed {told}; declared real, although only {_shown(operand.seen)} were seen."
    return f"Fed {told}."


def _of_two(verdict: Verdict, operands: Sequence[Operand]) -> str:
    wide = "real" if verdict == "real" else "integer"
    told = _told([operand for operand in operands if operand.kind == wide])
    if verdict == "additions only":
        return f"Adds {told} where the other operand spikes." if told else ""
    return f"Multiplies {'real numbers' if verdict == 'real' else 'integers with integers'}: {told}."


def _told(operands: Sequence[Operand]) -> str:
    return " and ".join(dict.fromkeys(_sources(operand) for operand in operands))


def _sources(operand: Operand) -> str:
    """Such as "the output of stem.norm, a norm, with no neuron in between"."""
    sources = operand.fact.sources
    means = [_place(source) for source in sources if source.kind == "mean"]
    kinds = dict.fromkeys(source.kind for source in sources if source.kind != "mean")
    told = " and ".join(
        _PHRASES[kind].format(_listed([_place(each) for each in sources if each.kind == kind])) for kind in kinds
    )
    if means:
        return f"a mean ({_listed(means)}) of {told or 'spikes'}"
    return told or f"what is declared {operand.declared}"


def _place(source: Source) -> str:
    where = source.module or "the model itself"
    return f"{source.detail} in {where}" if source.detail else where


def _listed(names: Sequence[str]) -> str:
    if len(names) <= 2:
        return " and ".join(names)
    return f"{names[0]} and {len(names) - 1} more up to {names[-1]}"


def _shown(seen: Seen) -> str:
    if seen.kind == "integer":
        return f"integers up to {seen.highest}"
    return f"{seen.kind} values"
