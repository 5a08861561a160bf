"""Frames against loops over single events, and closed forms on three events."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Events, Sensor, make_events, no_events
from spikeformers.data.frames.counts import binary_frames, count_frames
from spikeformers.data.frames.slicing import Slices, by_duration, by_number, by_time
from spikeformers.data.frames.time_surface import time_surface
from spikeformers.data.frames.voxels import voxel_grid
from spikeformers.data.recordings.opening import read_events
from tests.data.frames.recordings import SENSOR, real_recordings, recordings

Cut = Callable[[np.ndarray, int], Slices]
CUTS: list[Cut] = [by_number, by_time, lambda t, steps: by_duration(t, 9, steps)]  # the last leaves events out
THREE = make_events([100, 110, 120], [1, 1, 4], [2, 2, 0], [1, 1, 0])


def counted_one_by_one(events: Events, slices: Slices, sensor: Sensor) -> np.ndarray:
    frames = np.zeros((len(slices.ends), sensor.polarities, sensor.height, sensor.width), dtype=np.float32)
    for step, (begin, end) in enumerate(zip(slices.bounds[:-1], slices.bounds[1:], strict=True)):
        for _, x, y, p in events[begin:end].tolist():
            frames[step, p, y, x] += 1
    return frames


@given(recordings(), st.integers(1, 9), st.sampled_from(CUTS))
def test_counts_are_those_of_a_loop(events: Events, steps: int, cut: Cut) -> None:
    slices = cut(events["t"], steps)
    expected = counted_one_by_one(events, slices, SENSOR)
    addressed = Addressed.of(events, SENSOR)
    counts = count_frames(addressed, slices)
    assert counts.dtype == np.float32
    assert np.array_equal(counts, expected)
    assert np.array_equal(binary_frames(addressed, slices), expected > 0)


@given(recordings(), st.integers(1, 9), st.sampled_from(CUTS[:2]))
def test_no_event_is_lost_or_doubled(events: Events, steps: int, cut: Cut) -> None:
    assert count_frames(Addressed.of(events, SENSOR), cut(events["t"], steps)).sum() == len(events)
    # Two shares of every event in float32, of sums of at most 40.
    assert voxel_grid(Addressed.of(events, SENSOR), steps).sum() == pytest.approx(len(events), abs=1e-4)


def test_a_voxel_grid_shares_three_events_by_their_distance_in_time() -> None:
    grid = voxel_grid(Addressed.of(make_events([100, 105, 120], [1, 2, 4], [2, 3, 0], [1, 0, 0]), SENSOR), 5)
    expected = np.zeros_like(grid)
    expected[0, 1, 2, 1] = 1  # at the first event s = 0
    expected[1, 0, 3, 2] = 1  # s = 4 * 5 / 20 = 1
    expected[4, 0, 0, 4] = 1  # at the last event s = T - 1
    np.testing.assert_allclose(grid, expected, atol=1e-7)
    halved = voxel_grid(Addressed.of(make_events([100, 105, 120], [1, 2, 4], [2, 3, 0], [1, 0, 0]), SENSOR), 3)
    assert halved[:, 0, 3, 2].tolist() == [0.5, 0.5, 0]


@pytest.mark.parametrize("steps", [1, 4])
def test_a_voxel_grid_of_one_moment_lies_on_its_first_step(steps: int) -> None:
    grid = voxel_grid(Addressed.of(make_events([7, 7], [0, 1], 0, 1), SENSOR), steps)
    assert grid[0].sum() == 2
    assert grid[1:].sum() == 0


@given(recordings(), st.integers(1, 6))
def test_a_voxel_grid_is_that_of_a_loop(events: Events, steps: int) -> None:
    expected = np.zeros((steps, 2, SENSOR.height, SENSOR.width))
    t = events["t"].tolist()
    for now, x, y, p in events.tolist():
        s = (steps - 1) * (now - t[0]) / max(1, t[-1] - t[0])
        for step in range(steps):
            expected[step, p, y, x] += max(0.0, 1 - abs(s - step))
    np.testing.assert_allclose(
        voxel_grid(Addressed.of(events, SENSOR), steps), expected, atol=1e-5
    )  # float32 of sums up to 40


def test_a_time_surface_decays_since_the_last_event_of_each_pixel() -> None:
    surface = time_surface(Addressed.of(THREE, SENSOR), by_duration(THREE["t"], 15, 2), tau=10.0)
    expected = np.zeros_like(surface)
    expected[0, 1, 2, 1] = math.exp(-(115 - 110) / 10)
    expected[1, 1, 2, 1] = math.exp(-(130 - 110) / 10)  # still that of the step before
    expected[1, 0, 0, 4] = math.exp(-(130 - 120) / 10)
    np.testing.assert_allclose(surface, expected, rtol=1e-6)
    assert time_surface(Addressed.of(THREE, SENSOR), by_number(THREE["t"], 3), tau=10.0)[
        :, 1, 2, 1
    ].tolist() == pytest.approx([1, 1, math.exp(-1)])


@given(recordings(), st.integers(1, 6), st.sampled_from(CUTS))
def test_a_time_surface_is_that_of_a_loop(events: Events, steps: int, cut: Cut) -> None:
    slices = cut(events["t"], steps)
    surface = time_surface(Addressed.of(events, SENSOR), slices, tau=12.0)
    last: dict[tuple[int, ...], int] = {}
    for step in range(steps):
        for t, x, y, p in events[slices.bounds[step] : slices.bounds[step + 1]].tolist():
            last[p, y, x] = t
        expected = np.zeros_like(surface[step])
        for place, t in last.items():
            expected[place] = math.exp(-(int(slices.ends[step]) - t) / 12.0)
        np.testing.assert_allclose(surface[step], expected, rtol=1e-6)


def test_frames_of_nothing_are_empty() -> None:
    nothing = Addressed.of(no_events(), SENSOR)
    for cut in CUTS:
        slices = cut(no_events()["t"], 3)
        for frames in (
            count_frames(nothing, slices),
            binary_frames(nothing, slices),
            time_surface(nothing, slices, 1.0),
            voxel_grid(nothing, 3),
        ):
            assert (frames.shape, frames.dtype, frames.any()) == ((3, 2, 4, 5), np.float32, False)


def test_real_recordings_are_counted_without_loss() -> None:
    sensor = Sensor(128, 128)
    for path in real_recordings():
        events, _ = read_events(path, format="40bit", sensor=sensor)
        for cut in (by_number, by_time):
            slices = cut(events["t"], 16)
            places = np.stack([np.repeat(np.arange(16), slices.counts), *(events[word] for word in "pyx")], 1)
            hits, counts = np.unique(places, axis=0, return_counts=True)
            frames = count_frames(Addressed.of(events, sensor), slices)
            assert np.array_equal(frames[tuple(hits.T)], counts)
            assert frames.sum() == len(events)
