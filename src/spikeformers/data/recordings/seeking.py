"""Where in a file of records a time lies, without reading what lies before it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable

import numpy as np

from spikeformers.data.recordings import recording
from spikeformers.data.recordings.counter import Counter

PROBES = 64

CounterAt = Callable[[int], int | None]
"""Record -> what the camera's counter said there; None: it cannot be told."""


class _Unknown(Exception):
    """The counter cannot be told somewhere, or what it says there cannot be trusted."""


def window(
    said_at: CounterAt, count: int, bits: int, start: int | None, stop: int | None
) -> tuple[int, int | None, Counter]:
    """Return the first record to read, the one to end before (None: all), and the counter as it is at the first.

    The file is probed at 64 places. Where the times there are in order, `start` and `stop` are looked for by halving,
    and one `CHUNK` of records more is read at both ends, so that records may be out of order over less than that.
    Where they are not, a record that is looked at has a time beyond that of the next probe (damaged, or just before
    the last one), or the file is no larger than a chunk, all is read.

    Args:
        count: records in the file.
        bits: of the counter.
        start, stop: in the counter's unit.
    """
    fresh = Counter(bits)
    if (start is None and stop is None) or count <= recording.CHUNK:
        return 0, None, fresh
    places = np.linspace(0, count - 1, PROBES).astype(int).tolist()
    try:
        said = np.array([_certain(said_at, place) for place in places])
        times = Counter(bits).unwrap(said)
        if (np.diff(times) < 0).any():
            return 0, None, fresh

        def time_at(place: int) -> int:
            probe = bisect_right(places, place) - 1
            time = int(times[probe]) + (_certain(said_at, place) - int(said[probe])) % (1 << bits)
            if time > times[min(probe + 1, PROBES - 1)]:
                raise _Unknown  # so the search would be led astray, and events be lost in silence
            return time

        first, last = 0, None
        if start is not None:
            first = max(bisect_left(range(count), start, key=time_at) - recording.CHUNK, 0)
        if stop is not None:
            last = bisect_left(range(count), stop, key=time_at) + recording.CHUNK
            last = last if last < count else None
        if first == 0:
            return 0, last, fresh
        return first, last, Counter(bits, time_at(first) >> bits, _certain(said_at, first))
    except _Unknown:
        return 0, None, fresh


def _certain(said_at: CounterAt, place: int) -> int:
    said = said_at(place)
    if said is None:
        raise _Unknown
    return said
