"""Verdicts and their evidence, from what operands are declared, proven and seen to hold."""

from __future__ import annotations

from typing import Any

import pytest

from spikeformers.layers import BINARY, REAL, TERNARY, integers
from spikeformers.measure import Seen
from spikeformers.measure.auditing.judging import Operand, evidence_for, verdict_on
from spikeformers.measure.auditing.proof.sets import NumberSet
from spikeformers.measure.auditing.proof.sources import Fact

SPIKES, COUNTS = NumberSet(0, 1), NumberSet(0, 5)


def operand(declared: Any, numbers: NumberSet | None, kind: str, highest: int | None, scale: float = 1.0) -> Operand:
    seen = Seen(kind=kind, highest=highest, scale=scale, zeros=1, elements=2, total=highest)  # type: ignore[arg-type]
    return Operand(declared, Fact(numbers), seen)


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        (["binary"], "additions only"),
        (["ternary"], "additions only"),
        (["integer"], "integer"),
        (["real"], "real"),
        (["ternary", "integer"], "additions only"),
        (["integer", "integer"], "integer"),
        (["binary", "real"], "real"),
    ],
)
def test_verdicts(kinds: list[Any], verdict: str) -> None:
    assert verdict_on(kinds) == verdict


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ((None, None, "binary", 1), "binary"),
        ((None, COUNTS, "binary", 1), "integer"),
        ((BINARY, COUNTS, "binary", 1), "integer"),
        ((integers(5), SPIKES, "binary", 1), "integer"),
        ((REAL, SPIKES, "binary", 1), "real"),
        ((BINARY, None, "ternary", 1), "ternary"),
        ((TERNARY, SPIKES, "binary", 0), "ternary"),
    ],
)
def test_the_widest_counts(given: Any, kind: str) -> None:
    assert operand(*given).kind == kind


@pytest.mark.parametrize("given", [("real", None), ("integer", 6), ("ternary", 1)])
def test_what_is_seen_to_be_wrong_is_no_proof(given: tuple[str, int | None]) -> None:
    wrong = operand(None, SPIKES if given[0] == "ternary" else COUNTS, *given)
    assert wrong.proven is None
    assert wrong.kind == given[0]


def test_another_scale_is_no_contradiction() -> None:
    """Nothing is declared, so that quarters were seen as real numbers."""
    assert operand(None, NumberSet(0, 4, 0.25), "real", None).proven == integers(4, scale=0.25)


@pytest.mark.parametrize(
    ("declared", "kind", "highest", "violation"),
    [
        (BINARY, "ternary", 1, True),
        (integers(3), "integer", 3, False),
        (integers(3), "integer", 4, True),
        (integers(None), "integer", 400, False),
        (REAL, "real", None, False),
        (None, "real", None, False),
    ],
)
def test_violations(declared: Any, kind: str, highest: int | None, violation: bool) -> None:
    assert operand(declared, None, kind, highest).violation == violation


def test_evidence() -> None:
    seen = operand(BINARY, None, "binary", 1)
    proven = operand(BINARY, SPIKES, "binary", 1)
    counts = operand(integers(None), COUNTS, "binary", 1)
    silent = operand(REAL, COUNTS, "binary", 0)
    assert evidence_for("additions only", [seen]) == "observed"
    assert evidence_for("additions only", [proven]) == "proof"
    assert evidence_for("additions only", [proven, seen]) == "observed"
    assert evidence_for("additions only", [proven, counts]) == "proof"
    assert evidence_for("integer", [counts]) == "proof"
    assert evidence_for("real", [silent]) == "declared"
    assert evidence_for("real", [operand(None, None, "real", None)]) == "observed"
    assert evidence_for("integer", [operand(integers(4), None, "binary", 1)]) == "declared"
