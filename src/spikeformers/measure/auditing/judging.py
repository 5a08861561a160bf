"""The verdict on one operation, from what its operands are declared, proven and seen to hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from spikeformers.layers import Values
from spikeformers.layers.values import Kind
from spikeformers.measure.auditing.audited import VERDICTS, Evidence, Verdict
from spikeformers.measure.auditing.proof.sources import Fact
from spikeformers.measure.counting.counts import Seen

_WIDTH: tuple[Kind, ...] = ("binary", "ternary", "integer", "real")


@dataclass(frozen=True)
class Operand:
    """One operand.

    Args:
        declared: what it is declared to hold; None where nothing is declared.
        fact: what was found out about it for any input.
        seen: what it held.
    """

    declared: Values | None
    fact: Fact
    seen: Seen

    @property
    def proven(self) -> Values | None:
        """What it is proven to hold, unless that was seen to be wrong."""
        values = None if self.fact.numbers is None else self.fact.numbers.values
        return None if values is None or _wider(self.seen, values) else values

    @property
    def kind(self) -> Kind:
        """The widest of what it is declared, and what it is proven or else was seen to be."""
        shown = self.seen.kind if self.proven is None else self.proven.kind
        return shown if self.declared is None else max(shown, self.declared.kind, key=_WIDTH.index)

    @property
    def violation(self) -> bool:
        """Whether more was seen than is declared."""
        return self.declared is not None and _wider(self.seen, self.declared)


def _wider(seen: Seen, values: Values) -> bool:
    """Whether what was seen is more than these values."""
    if not math.isclose(seen.scale, values.scale, rel_tol=1e-6):
        return False  # told in other units
    if _WIDTH.index(seen.kind) > _WIDTH.index(values.kind):
        return True
    return values.kind == "integer" and values.highest is not None and (seen.highest or 0) > values.highest


def verdict_on(kinds: Sequence[Kind]) -> Verdict:
    """Of an operation on one operand and weights, or on two operands."""
    if "real" in kinds:
        return "real"
    return "integer" if all(kind == "integer" for kind in kinds) else "additions only"


def evidence_for(verdict: Verdict, operands: Sequence[Operand]) -> Evidence:
    """What a verdict rests on; a proof says that no input of that size needs more."""
    proven = [operand.proven.kind for operand in operands if operand.proven is not None]
    bounded = verdict != "real" and len(proven) == len(operands)
    if bounded and VERDICTS.index(verdict_on(proven)) <= VERDICTS.index(verdict):
        return "proof"
    return "observed" if verdict_on([operand.seen.kind for operand in operands]) == verdict else "declared"
