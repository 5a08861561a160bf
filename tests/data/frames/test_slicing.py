"""Where events are cut: the papers' rules on hand-made lists, and for any list."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.events.array import Events
from spikeformers.data.frames.slicing import Slices, by_duration, by_number, by_time
from tests.data.frames.recordings import recordings


def times(*t: int) -> np.ndarray:
    return np.array(t, dtype=np.int64)


# Counts by SpikingJelly 2.0's integrate_events_by_fixed_frames_number, where it gives any.
@pytest.mark.parametrize(
    ("t", "steps", "counts"),
    [
        (range(7), 3, [2, 2, 3]),  # a remainder
        (range(7), 4, [1, 1, 1, 4]),
        (range(3), 4, [0, 0, 0, 3]),  # fewer events than steps
        ([5], 3, [0, 0, 1]),
        ([0, 0, 0], 2, [1, 2]),  # at one time
        ([], 3, [0, 0, 0]),
        (range(6), 1, [6]),
    ],
)
def test_by_number_the_last_step_takes_the_rest(t: list[int], steps: int, counts: list[int]) -> None:
    assert by_number(times(*t), steps).counts.tolist() == counts


@pytest.mark.parametrize(
    ("t", "steps", "counts"),
    [
        (range(7), 3, [2, 2, 3]),
        (range(7), 4, [1, 1, 1, 4]),
        # From here on SpikingJelly raises IndexError: some step has no event.
        ([0, 0, 0, 100], 4, [3, 0, 0, 1]),
        ([0, 10, 20, 30, 31, 32, 99], 4, [3, 3, 0, 1]),  # steps of 24 microseconds
        ([0, 24, 48, 99], 4, [1, 1, 1, 1]),  # an event on a border belongs to the later step
        ([3, 3, 3], 2, [0, 3]),  # no time passes: every border lies at the first event
        ([5], 3, [0, 0, 1]),
        ([], 3, [0, 0, 0]),
        ([0, 2], 3, [0, 0, 2]),  # less than a microsecond a step
    ],
)
def test_by_time_steps_are_equally_long(t: list[int], steps: int, counts: list[int]) -> None:
    assert by_time(times(*t), steps).counts.tolist() == counts


@pytest.mark.parametrize(
    ("t", "window", "steps", "counts"),
    [
        ([7, 8, 16, 17, 30], 10, None, [3, 1, 1]),
        ([7, 8, 16, 17, 30], 10, 2, [3, 1]),  # what is later is left out
        ([7, 8, 16, 17, 30], 10, 5, [3, 1, 1, 0, 0]),
        ([0, 10], 10, None, [1, 1]),
        ([4], 10, None, [1]),
        ([], 10, None, []),
        ([], 10, 2, [0, 0]),
    ],
)
def test_by_duration_windows_begin_with_the_first_event(
    t: list[int], window: int, steps: int | None, counts: list[int]
) -> None:
    assert by_duration(times(*t), window, steps).counts.tolist() == counts


def test_steps_end_with_their_last_event_or_their_time() -> None:
    t = times(10, 11, 12, 20, 30)
    assert by_number(t, 2).ends.tolist() == [11, 30]
    assert by_time(t, 2).ends.tolist() == [20, 30]
    assert by_duration(t, 7, 4).ends.tolist() == [17, 24, 31, 38]


@given(recordings(), st.integers(1, 9))
def test_by_number_every_event_has_the_step_of_its_place(events: Events, steps: int) -> None:
    each = len(events) // steps
    expected = [min(place // each, steps - 1) if each else steps - 1 for place in range(len(events))]
    assert np.repeat(np.arange(steps), by_number(events["t"], steps).counts).tolist() == expected


@given(recordings(), st.integers(1, 9))
def test_by_time_every_event_has_the_step_of_its_time(events: Events, steps: int) -> None:
    t = events["t"].tolist()
    each = (t[-1] - t[0]) // steps if t else 0
    expected = [min((now - t[0]) // each, steps - 1) if each else steps - 1 for now in t]
    assert np.repeat(np.arange(steps), by_time(events["t"], steps).counts).tolist() == expected


@given(recordings(), st.integers(1, 50))
def test_by_duration_every_event_has_the_window_of_its_time(events: Events, window: int) -> None:
    t = events["t"].tolist()
    slices = by_duration(events["t"], window)
    expected = [(now - t[0]) // window for now in t]
    assert np.repeat(np.arange(len(slices.ends)), slices.counts).tolist() == expected
    assert len(slices.ends) == (expected[-1] + 1 if t else 0)


@pytest.mark.parametrize(
    ("bounds", "each"),
    [
        ([0, 2, 4, 6], 2),
        ([0, 2, 4, 9], 2),
        ([3, 5, 7], 2),
        ([0, 2, 4, 5], 0),  # the last step has fewer
        ([0, 2, 3, 9], 0),
        ([0, 0, 0, 3], 0),
        ([0, 7], 7),
        ([0, 0], 0),
        ([0], 0),  # no step
    ],
)
def test_steps_with_equally_many_events_are_known(bounds: list[int], each: int) -> None:
    assert Slices(np.array(bounds), np.zeros(len(bounds) - 1, dtype=np.int64)).each == each
