"""The learning-rate curve against its formulas and against torch's and timm's schedulers."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from spikeformers.train.schedule import Schedule
from tests.oracles import library

CURVE = Schedule(
    peak=1e-2,
    warmup_lr=1e-5,
    min_lr=1e-4,
    epochs=10,
    warmup_epochs=2,
    cooldown_epochs=0,
    steps_per_epoch=5,
    per_epoch=False,
    warmup_is_prefix=True,
)
# Spikformer on CIFAR: 300 epochs and 10 of cooldown, warm-up over 20 epochs, the cosine counted from the first one.
TIMM = replace(
    CURVE,
    peak=5e-4,
    min_lr=1e-5,
    epochs=300,
    warmup_epochs=20,
    cooldown_epochs=10,
    per_epoch=True,
    warmup_is_prefix=False,
)


def schedules(**fixed: Any) -> st.SearchStrategy[Schedule]:
    return st.builds(
        lambda epochs, share, **words: Schedule(
            epochs=epochs, warmup_epochs=share * epochs, warmup_lr=1e-5, min_lr=1e-5, **words, **fixed
        ),
        epochs=st.integers(1, 50),
        share=st.floats(0.0, 0.99),
        steps_per_epoch=st.integers(1, 100),
        peak=st.floats(1e-4, 1.0),
        cooldown_epochs=st.integers(0, 5),
        **{word: st.booleans() for word in {"per_epoch", "warmup_is_prefix"} - fixed.keys()},
    )


def rates(curve: Schedule) -> list[float]:
    return [curve.rate(step) for step in range(curve.total_steps)]


def test_landmarks_of_the_curve() -> None:
    assert (CURVE.total_epochs, CURVE.total_steps) == (10, 50)
    assert CURVE.rate(0) == 1e-5
    assert CURVE.rate(5) == pytest.approx((1e-5 + 1e-2) / 2)
    assert CURVE.rate(10) == pytest.approx(1e-2)
    assert CURVE.rate(30) == pytest.approx((1e-2 + 1e-4) / 2)
    assert CURVE.rate(50) == 1e-4


def test_agrees_with_torch_over_the_cosine() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-2)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40, eta_min=1e-4)
    for step in range(10, 50):
        assert CURVE.rate(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        oracle.step()


@pytest.mark.parametrize("warmup", [0, 1, 20])
def test_agrees_with_timm_epoch_by_epoch_through_the_cooldown(warmup: int) -> None:
    scheduler = library("timm.scheduler.cosine_lr")
    curve = replace(TIMM, warmup_epochs=warmup)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=curve.peak)
    oracle = scheduler.CosineLRScheduler(
        optimizer, t_initial=300, lr_min=1e-5, warmup_t=warmup, warmup_lr_init=1e-5, warmup_prefix=False
    )
    for epoch in range(curve.total_epochs):
        oracle.step(epoch)
        for step in (5 * epoch, 5 * epoch + 4):
            assert curve.rate(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def test_the_half_cosine_of_the_imagenet_scripts_with_fractional_epochs() -> None:
    # QKFormer: 200 epochs, 5 of them a warm-up from 0, rates per update.
    curve = replace(CURVE, peak=1.2e-3, warmup_lr=0.0, min_lr=1e-6, epochs=200, warmup_epochs=5, steps_per_epoch=7)
    for step in range(curve.total_steps):
        epoch = step / 7
        cosine = 1e-6 + (1.2e-3 - 1e-6) * 0.5 * (1 + math.cos(math.pi * (epoch - 5) / (200 - 5)))
        assert curve.rate(step) == pytest.approx(1.2e-3 * epoch / 5 if epoch < 5 else cosine, rel=1e-9)


@given(schedules(warmup_is_prefix=True))
def test_with_a_prefix_it_rises_to_the_peak_then_falls_to_the_minimum_without_a_jump(curve: Schedule) -> None:
    curve = replace(curve, cooldown_epochs=curve.cooldown_epochs + 1)
    found = rates(curve)
    top = found.index(max(found))
    assert all(a <= b for a, b in pairwise(found[: top + 1]))
    assert all(a >= b for a, b in pairwise(found[top:]))
    assert found[-1] == curve.min_lr
    clock = 1 if curve.per_epoch else curve.steps_per_epoch
    warmup = curve.warmup_epochs if curve.per_epoch else round(curve.warmup_epochs * clock)
    cosine = curve.epochs * clock - warmup
    assume(cosine >= 1)
    # The steepest slope of half a cosine over n steps is pi / 2n of its height.
    steepest = max(1 / max(1, warmup), math.pi / 2 / cosine)
    assert max(abs(a - b) for a, b in pairwise(found)) <= (curve.peak - 1e-5) * steepest + 1e-12


@given(schedules())
def test_stays_between_its_lowest_rate_and_the_peak(curve: Schedule) -> None:
    slack = 1e-12
    assert all(1e-5 - slack <= rate <= curve.peak + slack for rate in rates(curve))


@given(schedules(per_epoch=True))
def test_per_epoch_the_rate_moves_between_epochs_only(curve: Schedule) -> None:
    n = curve.steps_per_epoch
    assert all(rate == curve.rate(step - step % n) for step, rate in enumerate(rates(curve)))


@given(schedules())
def test_the_cooldown_stays_at_the_minimum(curve: Schedule) -> None:
    steps = curve.cooldown_epochs * curve.steps_per_epoch
    assert set(rates(curve)[curve.total_steps - steps :]) <= {curve.min_lr}


def test_rates_set_by_hand_take_over_where_they_begin_and_leave_the_curve_before() -> None:
    curve = replace(CURVE, rates=((4, 3e-3), (7, 2e-6)))
    assert rates(curve)[:20] == rates(CURVE)[:20]
    assert rates(curve)[20:] == [3e-3] * 15 + [2e-6] * 15


@pytest.mark.parametrize("per_epoch", [False, True])
def test_agrees_with_torchs_step_schedule(per_epoch: bool) -> None:
    # A cosine from a rate to the same rate is flat.
    flat = replace(CURVE, warmup_epochs=0, min_lr=1e-2, per_epoch=per_epoch)
    curve = replace(flat, rates=((3, 1e-3), (6, 1e-4), (9, 1e-5)))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-2)
    oracle = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
    for epoch in range(10):
        for step in (5 * epoch, 5 * epoch + 4):
            assert curve.rate(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        oracle.step()


def test_a_run_that_stops_before_its_cosine_ends_is_the_beginning_of_the_longer_one() -> None:
    for words in ({}, {"per_epoch": True, "warmup_is_prefix": False}):
        longer = replace(CURVE, **words)  # type: ignore[arg-type]
        stopped = replace(longer, epochs=6, cosine_epochs=10)
        assert stopped.total_steps == 30
        assert rates(stopped) == rates(longer)[:30]


def test_without_warm_up_the_first_rate_is_the_peak() -> None:
    curve = replace(CURVE, peak=0.5, min_lr=1e-5, epochs=1, warmup_epochs=0, steps_per_epoch=4)
    expected = [1e-5 + (0.5 - 1e-5) * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert rates(curve) == pytest.approx(expected)


def test_the_digits_recipe_has_the_rates_its_recorded_runs_had() -> None:
    curve = replace(CURVE, peak=1e-2, warmup_lr=1e-4, min_lr=1e-5, epochs=8, warmup_epochs=1, steps_per_epoch=44)
    recorded = {0: 1e-4, 17: 0.0039250000000000005, 44: 1e-2, 45: 0.009999740163568017, 351: 1.02598364319836e-05}
    assert {step: curve.rate(step) for step in recorded} == recorded
