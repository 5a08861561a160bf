"""The learning-rate curve against its formula."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.train.recipe import ScheduleWords
from spikeformers.train.schedule import Schedule

WORDS = ScheduleWords(epochs=10, warmup_epochs=2, warmup_lr=1e-5, min_lr=1e-4)
CURVE = Schedule.of(WORDS, peak=1e-2, steps_per_epoch=5)


def test_landmarks_of_the_curve() -> None:
    assert (CURVE.warmup_steps, CURVE.total_steps) == (10, 50)
    assert CURVE.rate(0) == 1e-5
    assert CURVE.rate(5) == pytest.approx((1e-5 + 1e-2) / 2)
    assert CURVE.rate(10) == pytest.approx(1e-2)
    assert CURVE.rate(30) == pytest.approx((1e-2 + 1e-4) / 2)
    assert CURVE.rate(50) == pytest.approx(1e-4)


def test_agrees_with_torch_over_the_cosine() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-2)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=1e-4)
    for step in range(10, 50):
        assert CURVE.rate(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        oracle.step()


@given(
    epochs=st.integers(1, 50),
    share=st.floats(0.0, 0.99),
    steps=st.integers(1, 100),
    peak=st.floats(1e-4, 1.0),
)
def test_rises_to_the_peak_then_falls_and_stays_within_bounds(
    epochs: int, share: float, steps: int, peak: float
) -> None:
    words = ScheduleWords(epochs=epochs, warmup_epochs=share * epochs, warmup_lr=1e-5, min_lr=1e-5)
    curve = Schedule.of(words, peak=peak, steps_per_epoch=steps)
    rates = [curve.rate(step) for step in range(curve.total_steps)]
    slack = 1e-12
    assert all(1e-5 - slack <= rate <= peak + slack for rate in rates)
    warm = curve.warmup_steps
    assert all(a <= b + slack for a, b in pairwise(rates[: warm + 1]))
    assert all(a >= b - slack for a, b in pairwise(rates[warm:]))


def test_without_warm_up_the_first_rate_is_the_peak() -> None:
    curve = Schedule.of(ScheduleWords(epochs=1), peak=0.5, steps_per_epoch=4)
    expected = [1e-5 + (0.5 - 1e-5) * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert [curve.rate(step) for step in range(4)] == pytest.approx(expected)
