"""Curves drawn with letters."""

from __future__ import annotations

import pytest

from spikeformers.report.sketch import sketch


def test_columns_are_as_high_as_their_values() -> None:
    assert sketch([0, 1, 2, 4], width=4, height=2) == ["   █", " ▄██"]
    assert sketch([8, 4, 1], width=3, height=1) == ["█▄▁"]


def test_the_ends_are_drawn_and_every_line_has_the_width() -> None:
    lines = sketch([0.0] * 50 + [1.0], width=7, height=3)
    assert lines == ["      █"] * 3
    assert sketch([2.0], width=1, height=1) == ["█"]


def test_small_values_are_seen_and_zero_is_not() -> None:
    assert sketch([1.0, 1e-9, 0.0], width=3, height=2) == ["█  ", "█▁ "]
    assert sketch([0.0, 0.0], width=2, height=1) == ["  "]


@pytest.mark.parametrize("height", [1, 5])
def test_a_level_curve_is_full(height: int) -> None:
    assert sketch([5e-7] * 9, width=4, height=height) == ["████"] * height
