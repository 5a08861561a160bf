from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spikeformers.data.recordings import recording
from spikeformers.data.recordings.counter import Counter
from spikeformers.data.recordings.seeking import window

BITS = 16


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "CHUNK", 100)


def asked(times: np.ndarray) -> tuple[Callable[[int], int], list[int]]:
    """Return what a counter of 16 bits says at each record, and a list that keeps what was asked for."""
    places: list[int] = []

    def said_at(place: int) -> int:
        places.append(place)
        return int(times[place]) % (1 << BITS)

    return said_at, places


def test_little_of_a_long_recording_is_asked_for() -> None:
    times = np.sort(np.random.default_rng(0).integers(0, 20 << BITS, 10**6))
    said_at, places = asked(times)
    start, stop = 7 << BITS, (7 << BITS) + 50_000
    first, last, counter = window(said_at, len(times), BITS, start, stop)
    assert first == np.searchsorted(times, start) - 100
    assert last == np.searchsorted(times, stop) + 100
    assert counter == Counter(BITS, int(times[first]) >> BITS, int(times[first]) % (1 << BITS))
    assert len(places) < 64 + 3 * 21


def test_a_counter_in_the_middle_goes_on_with_the_laps_before_it() -> None:
    times = np.sort(np.random.default_rng(1).integers(0, 9 << BITS, 5000))
    said_at, _ = asked(times)
    first, _, counter = window(said_at, len(times), BITS, 5 << BITS, None)
    assert first > 0
    np.testing.assert_array_equal(counter.unwrap(times[first:] % (1 << BITS)), times[first:])


def test_a_recording_out_of_order_is_read_from_its_beginning_to_its_end() -> None:
    times = np.concatenate([np.arange(500), np.arange(500)])
    assert window(asked(times)[0], len(times), BITS, 300, 400) == (0, None, Counter(BITS))


@pytest.mark.parametrize("moved", [-3000, 5000])
@pytest.mark.parametrize(("start", "stop"), [(None, 9990), (9990, None)])
def test_a_damaged_time_that_the_search_meets_loses_nothing(moved: int, start: int | None, stop: int | None) -> None:
    times = np.arange(10_000) * 2
    said_at, places = asked(times)
    window(said_at, len(times), BITS, start, stop)
    for place in places[64:]:
        damaged = times.copy()
        damaged[place] = max(0, damaged[place] + moved)
        first, last, _ = window(asked(damaged)[0], len(times), BITS, start, stop)
        (wanted,) = np.nonzero(times >= start if stop is None else times < stop)
        assert first <= wanted[0]
        assert last is None or wanted[-1] < last


def test_a_time_that_cannot_be_told_makes_all_be_read() -> None:
    assert window(lambda place: None, 1000, BITS, 300, 400) == (0, None, Counter(BITS))


def test_small_recordings_and_no_window_need_no_probes() -> None:
    said_at, places = asked(np.arange(1000))
    assert window(said_at, 1000, BITS, None, None)[:2] == (0, None)
    assert window(said_at, 100, BITS, 5, 7)[:2] == (0, None)
    assert not places
