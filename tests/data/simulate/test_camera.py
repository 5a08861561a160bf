"""The simulated pixels against closed forms: what light does, and how many events of which times it must give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, in_time_order
from spikeformers.data.simulate.camera import Cameras
from spikeformers.data.simulate.pixels import PixelModel, log_intensity
from spikeformers.errors import ConfigError

EXACT = {"threshold_on": 0.2, "threshold_off": 0.2, "threshold_spread": 0.0}
# A statistic of a right simulator is farther from its mean than this many standard deviations once in 15 000 runs; the
# seeds are fixed, so a test that passes once passes always.
SIGMAS = 4.0


def film(
    lights: Sequence[float] | NDArray[Any], times: Sequence[float], size: int = 1, seed: int = 0, **words: float
) -> Events:
    """What one camera of size x size pixels sees when its whole view has these lights at these times."""
    model = PixelModel(**{**EXACT, **words})
    cameras = Cameras([model], [np.random.default_rng(seed)], size, size)
    frames = [np.full((1, size, size), light) if np.ndim(light) == 0 else np.asarray(light)[None] for light in lights]
    return np.concatenate([cameras.see(frame, time)[0] for frame, time in zip(frames, times, strict=True)])


@given(st.floats(-1.9, 1.9), st.floats(0.05, 0.5))
def test_a_step_gives_as_many_events_as_it_holds_thresholds(change: float, threshold: float) -> None:
    whole = abs(change) / threshold
    if abs(whole - round(whole)) < 1e-6:  # on the edge the last bit decides; the next test is about it
        return
    start = 200.0 if change < 0 else 25.0  # so that all of it is where the logarithm is one
    words = {"threshold_on": threshold, "threshold_off": threshold}
    events = film([start, start * math.exp(change)], [0, 1000], **words)
    assert len(events) == math.floor(whole)
    assert (events["p"] == (change > 0)).all()
    # Half a microsecond of rounding.
    expected = 1000 * threshold / abs(change) * np.arange(1, len(events) + 1)
    np.testing.assert_allclose(events["t"], expected, atol=0.5 + 1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_step_of_whole_thresholds_gives_them_all(count: int, sign: int) -> None:
    start = 100.0 if sign < 0 else 24.0
    assert len(film([start, start * math.exp(0.2 * sign * count)], [0, 500])) == count


@given(st.lists(st.floats(1.0, 254.0), min_size=2, max_size=12))
def test_events_add_up_to_the_change_of_light(lights: list[float]) -> None:
    """At any time the sum of signed events differs from the change of log light by less than a threshold."""
    times = 1000 * np.arange(len(lights))
    events = film(lights, times.tolist())
    logs = log_intensity(np.array(lights))
    for time, log in zip(times, logs, strict=True):
        signed = 0.2 * (2.0 * events["p"][events["t"] <= time] - 1).sum()
        # An event up to half a microsecond later may have been rounded to this time; it is one more threshold at most.
        assert abs(log - logs[0] - signed) < 0.4 + 1e-6


def test_a_ramp_gives_evenly_spaced_events() -> None:
    times = np.arange(0, 100_001, 1000)
    events = film(np.exp(3.2 + 2.0 * times / 100_000), times.tolist())
    gaps = np.diff(events["t"])
    assert len(events) in (9, 10)  # 2.0 / 0.2, the last at the very end
    np.testing.assert_allclose(gaps, 10_000, atol=1)


def test_unchanged_light_is_silent_without_noise() -> None:
    picture = np.random.default_rng(0).uniform(0, 255, (16, 16))
    assert len(film([picture] * 5, [0, 1e4, 2e4, 3e4, 1e6], size=16, threshold_spread=0.03)) == 0


def test_thresholds_have_the_mean_and_spread_they_are_given() -> None:
    """With a long ramp each pixel's first event is at its threshold."""
    events = film([40.0, 40.0 * math.exp(1.0)], [0, 1e6], size=64, threshold_on=0.25, threshold_spread=0.03)
    _, first = np.unique(events["y"].astype(int) * 64 + events["x"], return_index=True)
    thresholds = events["t"][first] / 1e6
    assert len(thresholds) == 4096
    assert abs(thresholds.mean() - 0.25) < SIGMAS * 0.03 / 64
    assert abs(thresholds.std() - 0.03) < SIGMAS * 0.03 / math.sqrt(2 * 4096)


@pytest.mark.parametrize("refractory", [700, 5000])
def test_refractory_time_bounds_the_rate(refractory: int) -> None:
    lights = np.where(np.arange(50) % 2, 250.0, 25.0)
    words = {"refractory": refractory, "shot_noise_rate": 2000.0, "leak_rate": 5.0}
    times = 2000 * np.arange(50)
    events = film(lights, times.tolist(), size=6, **words)
    assert in_time_order(events)
    pixels = events["y"].astype(int) * 6 + events["x"]
    for pixel in range(36):
        t = events["t"][pixels == pixel]
        assert (np.diff(t) >= refractory).all()
        # Not much sparser than the bound either: without it a pixel has about 290 events here.
        assert len(t) > 0.5 * times[-1] / refractory


def test_what_comes_in_the_refractory_time_is_lost_and_what_comes_after_is_not() -> None:
    """Events due at 100, 200, 300 ... us: with a pause of 250 us every third stays, also across frames."""
    times = np.arange(0, 3001, 150)
    due = film(np.exp(3.2 + 2e-3 * times / 2), times.tolist(), threshold_on=0.1)
    kept = film(np.exp(3.2 + 2e-3 * times / 2), times.tolist(), threshold_on=0.1, refractory=250)
    np.testing.assert_allclose(due["t"], 100 * np.arange(1, len(due) + 1), atol=1)
    expected, last = [], -math.inf
    for time in due["t"].tolist():
        if time - last >= 250:
            expected.append(time)
            last = time
    assert kept["t"].tolist() == expected


def test_leak_events_come_at_their_rate_and_of_one_polarity() -> None:
    events = film([100.0] * 21, (1e5 * np.arange(21)).tolist(), size=32, leak_rate=3.0)
    assert (events["p"] == 1).all()
    # Evenly spaced with a random phase: 6 or a neighbour in 2 s, exactly 6 here for 2 s hold a whole number.
    assert len(events) == pytest.approx(6 * 1024, abs=1024 * 1e-3)
    gaps = np.diff(events["t"][(events["x"] == 3) & (events["y"] == 5)])
    np.testing.assert_allclose(gaps, 1e6 / 3, atol=1)
    assert abs(events["t"].mean() - 1e6) < SIGMAS * 2e6 / math.sqrt(12 * len(events))


@pytest.mark.parametrize("rate", [0.5, 20.0, 400.0])
def test_shot_noise_is_a_poisson_process_of_its_rate(rate: float) -> None:
    frames = 41
    events = film([100.0] * frames, (25_000.0 * np.arange(frames)).tolist(), size=24, shot_noise_rate=rate)
    expected = rate * 24 * 24 * 1.0
    assert abs(len(events) - expected) < SIGMAS * math.sqrt(expected)
    assert abs(events["p"].mean() - 0.5) < SIGMAS * 0.5 / math.sqrt(expected)
    per_pixel = np.bincount(events["y"].astype(int) * 24 + events["x"], minlength=576)
    # Index of dispersion of a Poisson count: chi-square with 575 degrees of freedom over 575.
    dispersion = per_pixel.var(ddof=1) / per_pixel.mean()
    assert abs(dispersion - 1) < SIGMAS * math.sqrt(2 / 575 + 1 / (expected / 576) / 576)


def test_the_low_pass_is_of_first_order() -> None:
    """After a step the passed log intensity is 1 - exp(-2 pi f t) of it."""
    step, frequency = 2.0, 50.0
    times = np.arange(0, 40_001, 20.0)
    lights = np.where(times > 0, 25.0 * math.exp(step), 25.0)
    events = film(lights, times.tolist(), bandwidth=frequency)
    levels = 0.2 * np.arange(1, len(events) + 1)
    expected = -np.log1p(-levels / step) / (2 * math.pi * frequency) * 1e6
    assert len(events) == 9  # the tenth threshold is reached in the limit only
    np.testing.assert_allclose(events["t"], expected, atol=25)  # a frame and its rounding


def test_dark_light_is_linear_and_meets_the_logarithm() -> None:
    assert log_intensity(np.array(0.0)) == 0
    assert log_intensity(np.array(10.0)) == pytest.approx(math.log(20) / 2)
    assert log_intensity(np.array(20.0)) == pytest.approx(math.log(20))
    assert log_intensity(np.array(255.0)) == pytest.approx(math.log(255))


def test_what_a_camera_sees_depends_on_no_other() -> None:
    model = PixelModel(leak_rate=1.0, shot_noise_rate=50.0, refractory=300, bandwidth=80.0)
    loud = PixelModel(shot_noise_rate=500.0, threshold_spread=0.1)
    frames = np.random.default_rng(1).uniform(0, 255, (6, 1, 8, 8))

    def seen(models: list[PixelModel], seeds: list[int], which: int) -> Events:
        cameras = Cameras(models, [np.random.default_rng(seed) for seed in seeds], 8, 8)
        each = [cameras.see(frame.repeat(len(models), 0), 4000.0 * k)[which] for k, frame in enumerate(frames)]
        return np.concatenate(each)

    alone = seen([model], [7], 0)
    assert len(alone) > 100
    assert (alone == seen([loud, model, loud], [1, 7, 2], 1)).all()
    assert len(alone) != len(seen([model], [8], 0)) or (alone != seen([model], [8], 0)).any()


@pytest.mark.parametrize(
    "words",
    [{"threshold_on": 0.0}, {"threshold_off": math.nan}, {"leak_rate": -1.0}, {"bandwidth": math.inf}],
)
def test_impossible_pixels_are_refused(words: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(words))):
        PixelModel(**words)


def test_the_usual_pixels_are_v2es() -> None:
    usual: Callable[[], PixelModel] = PixelModel
    assert (usual().threshold_on, usual().threshold_spread) == (0.2, 0.03)
