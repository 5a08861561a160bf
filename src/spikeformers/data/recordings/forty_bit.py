"""The 40-bit records of N-MNIST and N-Caltech101 (ATIS, Orchard et al., 2015; checked on real recordings).

A record has five bytes: x, y, then big-endian one bit of polarity and 23 bits of microseconds. A record with y = 240 is
no event: it says that the counter has overflown, and that all later times are 2^13 microseconds later, as the data
sets' own reader has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import EVENT, Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.keeping import is_past, keep
from spikeformers.data.recordings.records import blocks

RECORD = np.dtype([("x", "u1"), ("y", "u1"), ("high", "u1"), ("middle", "u1"), ("low", "u1")])
OVERFLOW_ROW = 240
OVERFLOW_STEP = 1 << 13  # microseconds


def open_file(path: Path, sensor: Sensor | None) -> FortyBit:
    """Open a recording; the file has no header."""
    return FortyBit(path, sensor)


@dataclass(frozen=True)
class FortyBit:
    """A recording of 40-bit records."""

    path: Path
    sensor: Sensor | None

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events; see `Recording.chunks`. The records before `start` are read, for overflows among them."""
        shift = 0
        for records in blocks(self.path, 0, RECORD, losses):
            events, shift = _decode(records, shift)
            if is_past(events["t"], stop):
                return
            yield keep(events, self.sensor, losses, start, stop)


def _decode(records: NDArray[np.void], shift: int) -> tuple[Events, int]:
    """Return events, and by how many microseconds the counter's overflows have shifted the time up to their end."""
    overflows = records["y"] == OVERFLOW_ROW
    shifts = shift + OVERFLOW_STEP * np.cumsum(overflows, dtype=np.int64)
    events = np.empty(len(records), dtype=EVENT)
    high = (records["high"] & 127).astype(np.int64)
    events["t"] = (high << 16 | records["middle"].astype(np.int64) << 8 | records["low"]) + shifts
    events["x"], events["y"], events["p"] = records["x"], records["y"], records["high"] >> 7
    return events[~overflows], int(shifts[-1])
