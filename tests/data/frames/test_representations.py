"""Frames against loops over single events, and closed forms on three events."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.events.array import Events, Sensor, make_events, no_events
from spikeformers.data.frames.addresses import addresses
from spikeformers.data.frames.counts import binary_frames, count_frames
from spikeformers.data.frames.slicing import Slices, by_duration, by_number, by_time
from spikeformers.data.frames.time_surface import time_surface
from spikeformers.data.frames.voxels import voxel_grid
from spikeformers.data.recordings.opening import read_events
from tests.data.frames.recordings import SENSOR, random_events, real_recordings, recordings

Cut = Callable[[np.ndarray, int], Slices]
CUTS: list[Cut] = [by_number, by_time, lambda t, steps: by_duration(t, 9, steps)]
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
    counts = count_frames(events, slices, SENSOR)
    assert counts.dtype == np.float32
    assert np.array_equal(counts, expected)
    assert np.array_equal(binary_frames(events, slices, SENSOR), expected > 0)


@given(recordings(), st.integers(1, 9), st.sampled_from(CUTS[:2]))
def test_no_event_is_lost_or_doubled(events: Events, steps: int, cut: Cut) -> None:
    assert count_frames(events, cut(events["t"], steps), SENSOR).sum() == len(events)
    # Two shares of every event in float32, of sums of at most 40.
    assert voxel_grid(events, steps, SENSOR).sum() == pytest.approx(len(events), abs=1e-4)


SIZES = [(256, 128, 2), (128, 256, 2), (256, 256, 1), (1, 1, 2), (3, 256, 2), (257, 2, 2), (346, 260, 2), (700, 1, 1)]


@pytest.mark.parametrize("sensor", [Sensor(*size) for size in SIZES])
def test_addresses_are_row_by_row_on_any_sensor(sensor: Sensor) -> None:
    events = random_events(0, 500, sensor)
    corner = make_events([-5, 1 << 50], sensor.width - 1, sensor.height - 1, sensor.polarities - 1)
    events = np.concatenate([events, corner])
    p, y, x = (events[word].astype(np.int64) for word in "pyx")
    expected = np.ravel_multi_index((p, y, x), (sensor.polarities, sensor.height, sensor.width))
    assert np.array_equal(addresses(events, sensor), expected)
    assert np.array_equal(addresses(events[::2], sensor), expected[::2])
    assert len(addresses(no_events(), sensor)) == 0


def test_a_voxel_grid_shares_three_events_by_their_distance_in_time() -> None:
    grid = voxel_grid(make_events([100, 105, 120], [1, 2, 4], [2, 3, 0], [1, 0, 0]), 5, SENSOR)
    expected = np.zeros_like(grid)
    expected[0, 1, 2, 1] = 1  # at the first event s = 0
    expected[1, 0, 3, 2] = 1  # s = 4 * 5 / 20 = 1
    expected[4, 0, 0, 4] = 1  # at the last event s = T - 1
    np.testing.assert_allclose(grid, expected, atol=1e-7)
    halved = voxel_grid(make_events([100, 105, 120], [1, 2, 4], [2, 3, 0], [1, 0, 0]), 3, SENSOR)
    assert halved[:, 0, 3, 2].tolist() == [0.5, 0.5, 0]


@pytest.mark.parametrize("steps", [1, 4])
def test_a_voxel_grid_of_one_moment_lies_on_its_first_step(steps: int) -> None:
    grid = voxel_grid(make_events([7, 7], [0, 1], 0, 1), steps, SENSOR)
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
    np.testing.assert_allclose(voxel_grid(events, steps, SENSOR), expected, atol=1e-5)  # float32 of sums up to 40


def test_a_time_surface_decays_since_the_last_event_of_each_pixel() -> None:
    surface = time_surface(THREE, by_duration(THREE["t"], 15, 2), SENSOR, tau=10.0)
    expected = np.zeros_like(surface)
    expected[0, 1, 2, 1] = math.exp(-(115 - 110) / 10)
    expected[1, 1, 2, 1] = math.exp(-(130 - 110) / 10)  # still that of the step before
    expected[1, 0, 0, 4] = math.exp(-(130 - 120) / 10)
    np.testing.assert_allclose(surface, expected, rtol=1e-6)
    assert time_surface(THREE, by_number(THREE["t"], 3), SENSOR, tau=10.0)[:, 1, 2, 1].tolist() == pytest.approx(
        [1, 1, math.exp(-1)]
    )


@given(recordings(), st.integers(1, 6), st.sampled_from(CUTS))
def test_a_time_surface_is_that_of_a_loop(events: Events, steps: int, cut: Cut) -> None:
    slices = cut(events["t"], steps)
    surface = time_surface(events, slices, SENSOR, tau=12.0)
    last: dict[tuple[int, ...], int] = {}
    for step in range(steps):
        for t, x, y, p in events[slices.bounds[step] : slices.bounds[step + 1]].tolist():
            last[p, y, x] = t
        expected = np.zeros_like(surface[step])
        for place, t in last.items():
            expected[place] = math.exp(-(int(slices.ends[step]) - t) / 12.0)
        np.testing.assert_allclose(surface[step], expected, rtol=1e-6)


def test_frames_of_nothing_are_empty() -> None:
    for cut in CUTS:
        slices = cut(no_events()["t"], 3)
        for frames in (
            count_frames(no_events(), slices, SENSOR),
            binary_frames(no_events(), slices, SENSOR),
            time_surface(no_events(), slices, SENSOR, 1.0),
            voxel_grid(no_events(), 3, SENSOR),
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
            frames = count_frames(events, slices, sensor)
            assert np.array_equal(frames[tuple(hits.T)], counts)
            assert frames.sum() == len(events)
