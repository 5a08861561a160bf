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

from spikeformers.data.events.array import EVENT, Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.recording import CHUNK

RECORD = 5  # bytes
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
        with self.path.open("rb") as file:
            while content := file.read(CHUNK * RECORD):
                whole = len(content) // RECORD * RECORD
                losses.add("bytes of an incomplete record at the end", len(content) - whole)
                events, shift = _decode(np.frombuffer(content[:whole], dtype=np.uint8).reshape(-1, RECORD), shift)
                yield _kept(events, self.sensor, losses, start, stop)


def _decode(records: np.ndarray, shift: int) -> tuple[Events, int]:
    """Return events, and by how many microseconds the counter's overflows have shifted the time up to their end."""
    x, y, high, middle, low = records.T
    overflows = y == OVERFLOW_ROW
    shifts = shift + OVERFLOW_STEP * np.cumsum(overflows, dtype=np.int64)
    events = np.empty(len(records), dtype=EVENT)
    events["t"] = ((high & 127).astype(np.int64) << 16 | middle.astype(np.int64) << 8 | low) + shifts
    events["x"], events["y"], events["p"] = x, y, high >> 7
    return events[~overflows], int(shifts[-1]) if len(shifts) else shift


def _kept(events: Events, sensor: Sensor | None, losses: Losses, start: int | None, stop: int | None) -> Events:
    if start is not None:
        events = events[events["t"] >= start]
    if stop is not None:
        events = events[events["t"] < stop]
    if sensor is not None:
        inside = sensor.holds(events)
        losses.add("events outside the sensor", int((~inside).sum()))
        events = events[inside]
    return events
