"""The comparison of modes: means, spreads and ratios."""

from __future__ import annotations

import pytest

from benchmarks.modes import BASE, summary


def runs(accuracies: list[float], seconds: list[float]) -> list[dict[str, float]]:
    return [{"test_accuracy": a, "seconds": s} for a, s in zip(accuracies, seconds, strict=True)]


def test_summary_tells_spread_and_ratio() -> None:
    found = summary({BASE: runs([0.80, 0.82, 0.84], [30, 40, 50]), "float32": runs([0.81, 0.82, 0.83], [10, 10, 10])})
    assert found["float32"]["mean"] == pytest.approx(0.82)
    assert found["float32"]["standard_deviation"] == pytest.approx(0.01)
    # Variances 0.02^2 and 0.01^2 over three runs each.
    assert found["float32"]["standard_error"] == pytest.approx((5e-4 / 3) ** 0.5)
    assert found["float32"]["within_spread"]
    assert found["float32"]["times_faster"] == 4.0


def test_summary_sees_a_difference() -> None:
    found = summary({BASE: runs([0.90, 0.91, 0.90], [1, 1, 1]), "bfloat16": runs([0.80, 0.81, 0.80], [1, 1, 1])})
    assert not found["bfloat16"]["within_spread"]
    assert found["bfloat16"]["difference"] == pytest.approx(-0.1)
