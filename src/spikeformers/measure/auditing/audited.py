"""What an audit finds: plain data, one row for each call of each operation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from spikeformers.measure.counting.counts import OpKind, Seen

Verdict = Literal["additions only", "integer", "real"]
Evidence = Literal["proof", "observed", "declared"]

VERDICTS: tuple[Verdict, ...] = ("additions only", "integer", "real")


@dataclass(frozen=True, kw_only=True)
class Audited:
    """One call of one operation in a forward pass.

    Args:
        name, call, kind, time_steps: as in `Count`.
        declared: what each operand is declared to hold; "" of a plain module.
        proven: what each operand is proven to hold, whatever an input of this size holds; "" where nothing is proven.
        seen: what each operand held, over all samples.
        verdict: "additions only": weights meet spikes only (0, 1 and -1, times a constant that folds into them), or, of
            a product or mask, one operand is spikes and the other spikes or integers, which are added or passed on
            where there is a spike; "integer": integers are multiplied; "real": real numbers are. Each operand counts as
            the widest of what it is declared, and of what it is proven to be or, without a proof, was seen to be.
        evidence: "proof": from the structure of the model and what its neurons can emit, for every input of this size;
            "observed": on these samples; "declared": neither, what was seen is narrower.
        source: where the numbers that are no spikes come from; "" where there are none.
        why: the reason for the verdict, a sentence; "" where there is nothing to say but that it is fed spikes.
        violation: whether more was seen than an operand is declared to hold.
        operations: multiplications of two elements without padding, zeros included, of all samples (`Count.dense`).
    """

    name: str
    call: int
    kind: OpKind
    time_steps: int
    declared: tuple[str, ...]
    proven: tuple[str, ...]
    seen: tuple[Seen, ...]
    verdict: Verdict
    evidence: Evidence
    source: str = ""
    why: str = ""
    violation: bool = False
    operations: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """A model, audited.

    Args:
        rows: in order of execution.
        samples: how many were seen.
        name, system, fused, uncounted: as in `Counts`.
    """

    rows: tuple[Audited, ...]
    samples: int
    name: str = ""
    system: str | None = None
    fused: str | None = None
    uncounted: tuple[str, ...] = ()

    @property
    def operations(self) -> int:
        """Dense operations of all rows and samples."""
        return sum(row.operations for row in self.rows)

    @property
    def entries(self) -> tuple[Audited, ...]:
        """The rows that are not additions only: where non-spike computation enters."""
        return tuple(row for row in self.rows if row.verdict != "additions only")

    @property
    def inner(self) -> tuple[Audited, ...]:
        """Those between the ends: not fed the model's input itself, and no part of the head that comes last."""
        ends = {row.name for row in self.rows if row.source == "the model's input"}
        head, _, _ = self.rows[-1].name.rpartition(".") if self.rows else ("", "", "")
        for row in reversed(self.rows):
            if row is not self.rows[-1] and not (head and row.kind == "linear" and row.name.startswith(f"{head}.")):
                break
            ends.add(row.name)
        return tuple(row for row in self.entries if row.name not in ends)

    @property
    def violations(self) -> tuple[Audited, ...]:
        """The rows that saw more than they are declared to."""
        return tuple(row for row in self.rows if row.violation)

    def share(self, verdict: Verdict) -> float:
        """Share of the dense operations that have this verdict; 0 where there are none."""
        return sum(row.operations for row in self.rows if row.verdict == verdict) / (self.operations or 1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the shares included."""
        return {**asdict(self), "shares": {verdict: self.share(verdict) for verdict in VERDICTS}}
