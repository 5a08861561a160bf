"""Energy: counts, priced by a convention."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from spikeformers.measure.counting.counts import KINDS, Count, Counts
from spikeformers.measure.pricing.convention import Convention, read_convention


@dataclass(frozen=True, kw_only=True)
class EnergyRow:
    """One call of one operation, per sample.

    Args:
        name, call, kind: as in `Count`.
        acs, macs: additions, and multiplications with addition, that are charged.
        compute: their energy, pJ.
        bits: moved to and from memory.
        memory: their energy, pJ; 0 in conventions without memory.
    """

    name: str
    call: int
    kind: str
    acs: float
    macs: float
    compute: float
    bits: float
    memory: float

    @property
    def picojoules(self) -> float:
        """All of it."""
        return self.compute + self.memory


@dataclass(frozen=True, kw_only=True)
class Energy:
    """A model under one convention, per sample.

    Args:
        convention, title: its word (or file) and what it is.
        assumptions: its scope and its constants with their sources: no figure here means anything without them.
        rows: in order of execution; what is not charged has zeros.
        unpriced: of each kind of operation that is run but charged nothing: its elements or operations (dense), per
            sample.
        uncounted: modules the counter knows nothing about; what they cost is missing.
        samples: counted.
        name: of the model.
        fused: whether its norms are folded into its weights, and how.
    """

    convention: str
    title: str
    assumptions: tuple[str, ...]
    rows: tuple[EnergyRow, ...]
    unpriced: dict[str, float]
    uncounted: tuple[str, ...]
    samples: int
    name: str
    fused: str | None

    @property
    def acs(self) -> float:
        """Additions per sample."""
        return sum(row.acs for row in self.rows)

    @property
    def macs(self) -> float:
        """Multiplications with addition, per sample."""
        return sum(row.macs for row in self.rows)

    @property
    def compute(self) -> float:
        """Millijoules of the operations, per sample."""
        return sum(row.compute for row in self.rows) * 1e-9

    @property
    def memory(self) -> float:
        """Millijoules of the memory traffic, per sample; 0 in conventions without it."""
        return sum(row.memory for row in self.rows) * 1e-9

    @property
    def millijoules(self) -> float:
        """All of it, per sample."""
        return self.compute + self.memory

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the totals included."""
        totals = {word: getattr(self, word) for word in ("acs", "macs", "compute", "memory", "millijoules")}
        return {**asdict(self), **totals}


def energy(counts: Counts, convention: str | os.PathLike[str]) -> Energy:
    """Price what was counted.

    Args:
        counts: of `measure.count`.
        convention: "neurobench", "paper", "exact" or "memory", or the path of a TOML file like those in
            `measure/pricing/conventions`.

    Raises:
        UnknownNameError: no convention of that word.
        ConfigError: the file holds something else than it should.
    """
    rules = read_convention(convention)
    charged = {kind for charge in rules.charges for kind in charge.kinds}
    kinds = (kind for kind in KINDS if kind not in charged)
    unpriced = {kind: counts.total("dense", [kind]) / counts.samples for kind in kinds}
    return Energy(
        convention=rules.name,
        title=rules.title,
        assumptions=rules.assumptions,
        rows=tuple(_priced(row, rules, counts.samples) for row in counts.rows),
        unpriced={kind: amount for kind, amount in unpriced.items() if amount},
        uncounted=counts.uncounted,
        samples=counts.samples,
        name=counts.name,
        fused=counts.fused,
    )


def _priced(row: Count, rules: Convention, samples: int) -> EnergyRow:
    """One row, divided by the number of samples."""
    amounts = dict.fromkeys(("ac", "mac"), 0.0)
    for charge in rules.charges:
        amounts[charge.cost] += charge.amount(row) / samples
    bits = 0.0 if rules.traffic is None else rules.traffic.bits(row) / samples
    per_bit = 0.0 if rules.traffic is None else rules.constants["access"].picojoules / rules.traffic.word_bits
    return EnergyRow(
        name=row.name,
        call=row.call,
        kind=row.kind,
        acs=amounts["ac"],
        macs=amounts["mac"],
        compute=sum(amount * rules.constants[cost].picojoules for cost, amount in amounts.items()),
        bits=bits,
        memory=bits * per_bit,
    )
