"""Figures in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.report.text import amount, bar, count, duration, percent, size


def test_figures():
    assert count(9324730) == "9,324,730"
    assert count(12.6) == "13"
    assert percent(0.98) == "98.00 %"
    assert percent(0.1234, 1) == "12.3 %"
    assert size((3, 32, 32)) == "3×32×32"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (8.44, "8.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (4020, "1 h 07 min"),
        (172_740, "47 h 59 min"),
        (172_800, "2.0 days"),
        (8_640_000 * 3, "300 days"),
        (90_000, "25 h 00 min"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


@given(st.floats(allow_nan=False), st.integers(1, 40))
def test_a_bar_is_never_longer_than_its_width(share, width):
    drawn = bar(share, width)
    assert len(drawn) <= width
    assert drawn == "" or share > 0
    assert (drawn == "█" * width) == (share >= 1 - 1 / (16 * width)) or abs(share - (1 - 1 / (16 * width))) < 1e-9


def test_a_bar_is_exact_to_an_eighth():
    assert bar(0.5, 4) == "██"
    assert bar(1 / 32, 4) == "▏"


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_600, "1 MB"),
        (37_418_576, "37.4 MB"),
        (142_000_000_000, "142 GB"),
        (1_234_000_000_000, "1,234 GB"),
    ],
)
def test_amounts_of_bytes(size, words):
    assert amount(size) == words
