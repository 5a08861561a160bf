"""Prophesee's EVT 2.0 (https://docs.prophesee.ai/stable/data/encoding_formats/evt2.html).

A header of lines `% keyword value`, then words of 32 bits, little-endian, whose upper four say what they are. A word of
time has the upper 28 bits of microseconds, which hold for the events after it; an event has the lower six, and 11 bits
each of x and y.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import recording
from spikeformers.data.recordings.counter import Counter
from spikeformers.data.recordings.held import held
from spikeformers.data.recordings.keeping import is_past, keep
from spikeformers.data.recordings.leading_lines import opened
from spikeformers.data.recordings.prophesee_header import raw_header
from spikeformers.data.recordings.records import blocks, count_records
from spikeformers.data.recordings.seeking import window

WORD = np.dtype("<u4")
OFF, ON, TIME_HIGH = 0x0, 0x1, 0x8
OTHERS = (0xA, 0xE, 0xF)  # external triggers, extensions and their continuation: no pixel's
HIGH_BITS, LOW_BITS = 28, 6
HIGHEST = (1 << HIGH_BITS) - 1
SEARCHED = 1 << 12  # words before a place among which its word of time is looked for at once


def open_file(path: Path, sensor: Sensor | None) -> Evt2:
    """Open a recording.

    Raises:
        DataError: its header says that it is encoded otherwise, or a size that cannot be.
    """
    header = raw_header(path, "evt2")
    return Evt2(path, sensor or header.sensor(), header.body)


@dataclass(frozen=True)
class Evt2:
    """A recording whose words begin after `body` bytes."""

    path: Path
    sensor: Sensor | None
    body: int

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events; see `Recording.chunks`, and `seeking.window` for what is not read."""
        first, last, counter = self._window(start, stop)
        for words in blocks(self.path, self.body, WORD, losses, first, last):
            events = _decode(words, counter, losses)
            if is_past(events["t"], stop):
                return
            yield keep(events, self.sensor, losses, start, stop)

    def _window(self, start: int | None, stop: int | None) -> tuple[int, int | None, Counter]:
        """Return `window` over the words, whose counter is that of the word of time before them."""
        count = count_records(self.path, self.body, WORD.itemsize)
        with opened(self.path) as file:

            def times_in(begin: int, end: int) -> NDArray[np.uint32]:
                file.seek(self.body + begin * WORD.itemsize)
                content = file.read((end - begin) * WORD.itemsize)
                words = np.frombuffer(content, dtype=WORD, count=len(content) // WORD.itemsize)
                times: NDArray[np.uint32] = words[words >> 28 == TIME_HIGH] & HIGHEST
                return times

            def said_at(place: int) -> int | None:
                for end in range(place + 1, max(place + 1 - recording.CHUNK, 0), -SEARCHED):
                    if len(times := times_in(max(end - SEARCHED, 0), end)):
                        return int(times[-1])
                # A recording may begin with events, whose time nobody knows: the first word of time stands for it.
                times = times_in(0, SEARCHED)
                return int(times[0]) if place < SEARCHED and len(times) else None

            lowest = None if start is None else start >> LOW_BITS
            beyond = None if stop is None else -(-stop >> LOW_BITS)
            return window(said_at, count, HIGH_BITS, lowest, beyond)


def _decode(words: NDArray[np.uint32], counter: Counter, losses: Losses) -> Events:
    kinds = words >> 28
    before = counter.now
    is_time = kinds == TIME_HIGH
    high = np.zeros(len(words), dtype=np.int64)
    high[is_time] = counter.unwrap(words[is_time] & HIGHEST)
    is_event = (kinds == OFF) | (kinds == ON)
    losses.add("words of an unknown kind", int((~(is_event | is_time | np.isin(kinds, OTHERS))).sum()))
    if before is None:
        timed = np.logical_or.accumulate(is_time)
        losses.add("events before the first word of time", int((is_event & ~timed).sum()))
        is_event &= timed
    high = held(high, is_time, before or 0)
    words = words[is_event]
    t = (high[is_event] << LOW_BITS) + (words >> 22 & 0x3F)
    return make_events(t, words >> 11 & 0x7FF, words & 0x7FF, kinds[is_event])
