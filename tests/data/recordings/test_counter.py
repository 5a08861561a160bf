from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.recordings.counter import Counter

BITS = 8
RANGE = 1 << BITS


@given(
    st.integers(0, RANGE - 1),
    st.lists(st.integers(-RANGE // 2, RANGE // 2), max_size=60),
    st.integers(0, 60),
)
def test_steps_up_to_half_the_range_are_followed_also_over_two_calls(start: int, steps: list[int], cut: int) -> None:
    times = np.array([start, *steps]).cumsum()
    # A step of exactly half the range does not tell its direction from its values: let it be the one within a lap.
    halves = np.abs(np.diff(times)) == RANGE // 2
    if (halves & (np.diff(times // RANGE) != 0)).any():
        return
    counter = Counter(BITS)
    parts = [counter.unwrap(times[:cut] % RANGE), counter.unwrap(times[cut:] % RANGE)]
    np.testing.assert_array_equal(np.concatenate(parts), times)
    assert counter.now == times[-1]


def test_a_damaged_value_does_not_move_the_values_after_it() -> None:
    assert Counter(BITS).unwrap(np.array([10, 20, 250, 30, 40])).tolist() == [10, 20, -6, 30, 40]
    assert Counter(BITS).unwrap(np.array([200, 250, 3, 100, 7])).tolist() == [200, 250, 259, 356, 263]


def test_a_small_step_back_is_disorder_and_no_lap() -> None:
    assert Counter(BITS).unwrap(np.array([100, 90, 101, 220, 5, 219])).tolist() == [100, 90, 101, 220, 261, 219]


def test_nothing_changes_nothing() -> None:
    counter = Counter(BITS)
    assert counter.unwrap(np.array([], dtype=np.uint8)).tolist() == []
    assert counter.now is None
