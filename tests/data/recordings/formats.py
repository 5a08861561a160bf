"""What the tests of all formats need: how to write one, what it can hold, and events for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from spikeformers.data.events.array import Events, Sensor, make_events, no_events
from tests.data.recordings.writers.aedat2 import write_aedat2
from tests.data.recordings.writers.aedat3 import write_aedat3
from tests.data.recordings.writers.dat import write_dat
from tests.data.recordings.writers.evt2 import write_evt2
from tests.data.recordings.writers.evt3 import write_evt3
from tests.data.recordings.writers.forty_bit import write_forty_bit

SMALL, LARGE = Sensor(128, 128), Sensor(1280, 720)


@dataclass(frozen=True)
class Format:
    """A format under test.

    Attributes:
        write: path, events -> path.
        name: of a file of it.
        latest_start: of the first event; `longest_gap` between two, so that wraps are frequent and no lap is missed.
        unit: bytes after which a file can end and still be whole: a record, or a packet.
    """

    write: Callable[[Path, Events], Path]
    name: str
    sensor: Sensor
    latest_start: int
    longest_gap: int
    unit: int


FORMATS = {
    "40bit": Format(write_forty_bit, "r.bin", Sensor(34, 34), 1 << 23, 1 << 20, 5),
    "aedat2": Format(write_aedat2, "r.aedat", SMALL, (1 << 32) - 1, (1 << 31) - 1, 8),
    "aedat3": Format(partial(write_aedat3, packet=7), "r.aedat", SMALL, 1 << 32, 1 << 31, 28 + 7 * 8),
    "evt2": Format(partial(write_evt2, sensor=LARGE), "r.raw", LARGE, 1 << 35, 1 << 34, 4),
    "evt3": Format(partial(write_evt3, sensor=LARGE), "r.raw", LARGE, 1 << 25, 1 << 23, 2),
    "evt3 without vectors": Format(
        partial(write_evt3, sensor=LARGE, vectors=False), "r.raw", LARGE, 1 << 25, 1 << 23, 2
    ),
    "dat": Format(partial(write_dat, sensor=LARGE), "r.dat", LARGE, (1 << 32) - 1, (1 << 31) - 1, 8),
}


def recordings(format: Format, least: int = 0) -> st.SearchStrategy[Events]:
    """Draw events in the order of time: often some at one time, in neighbouring columns, or far apart."""
    gap = st.one_of(st.just(0), st.integers(0, 100), st.integers(0, format.longest_gap))
    x, y = st.integers(0, format.sensor.width - 1), st.integers(0, format.sensor.height - 1)
    event = st.tuples(gap, st.one_of(x, st.integers(0, 30)), st.one_of(y, st.just(3)), st.integers(0, 1))
    return st.builds(_events, st.integers(0, format.latest_start), st.lists(event, min_size=least, max_size=50))


def _events(start: int, rows: list[tuple[int, int, int, int]]) -> Events:
    if not rows:
        return no_events()
    gap, x, y, p = np.array(rows, dtype=np.int64).T
    return make_events(start + np.cumsum(gap) - gap[0], x, y, p)
