"""Prophesee's EVT 3.0 (https://docs.prophesee.ai/stable/data/encoding_formats/evt3.html).

A header of lines `% keyword value`, then words of 16 bits, little-endian, whose upper four say what they are. What the
words of time, row and base column say holds for the events after them. A vector of 12 (or 8) bits says which of as many
pixels from the base column on have an event, and moves the base on by as many. The counter has 24 bits of microseconds
in two words of 12; it is full every 16.8 s, and where the upper word changes the lower one is 0 until it is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.counter import Counter
from spikeformers.data.recordings.held import held
from spikeformers.data.recordings.keeping import is_past, keep, pieces
from spikeformers.data.recordings.prophesee_header import raw_header
from spikeformers.data.recordings.records import blocks

WORD = np.dtype("<u2")
ROW, EVENT_X, BASE_X, VECTOR_12, VECTOR_8, TIME_LOW, TIME_HIGH = 0x0, 0x2, 0x3, 0x4, 0x5, 0x6, 0x8
OTHERS = (0x7, 0xA, 0xE, 0xF)  # continuations, external triggers and extensions: no pixel's
IS_UNKNOWN = ~np.isin(np.arange(16), (ROW, EVENT_X, BASE_X, VECTOR_12, VECTOR_8, TIME_LOW, TIME_HIGH, *OTHERS))
TIME_BITS = 12  # of each of the two words
COLUMNS = 1 << 11
UNKNOWN = -(1 << 40)  # so low that nothing added to it within a block makes it a column


def open_file(path: Path, sensor: Sensor | None) -> Evt3:
    """Open a recording.

    Raises:
        DataError: its header says that it is encoded otherwise, or a size that cannot be.
    """
    header = raw_header(path, "evt3")
    return Evt3(path, sensor or header.sensor(), header.body)


@dataclass(frozen=True)
class Evt3:
    """A recording whose words begin after `body` bytes."""

    path: Path
    sensor: Sensor | None
    body: int

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events; see `Recording.chunks`.

        What lies before `start` is read: rows and columns are only said where they change, maybe long before.
        """
        decoder = _Decoder(losses)
        for words in blocks(self.path, self.body, WORD, losses):
            events = decoder(words)
            if is_past(events["t"], stop):
                return
            yield from pieces(keep(events, self.sensor, losses, start, stop))


@dataclass
class _Decoder:
    """Decodes words, and remembers what holds for the words after them; a value below 0 is not known yet."""

    losses: Losses
    counter: Counter = field(default_factory=lambda: Counter(TIME_BITS))
    low: int = 0
    row: int = -1
    column: int = UNKNOWN
    polarity: int = 0

    def __call__(self, words: NDArray[np.uint16]) -> Events:
        kinds, content = words >> 12, (words & 0xFFF).astype(np.int64)
        self.losses.add("words of an unknown kind", int(IS_UNKNOWN[kinds].sum()))
        t = self._times(kinds, content)
        rows = held(content & 0x7FF, kinds == ROW, self.row)
        columns, polarities = self._bases(kinds, content)
        self.row = int(rows[-1])

        single = kinds == EVENT_X
        columns = np.where(single, content & 0x7FF, columns)
        polarities = np.where(single, content >> 11, polarities)
        bits = np.select([single, kinds == VECTOR_12, kinds == VECTOR_8], [1, content, content & 0xFF], 0)
        place, offset = _set_bits(bits)
        return self._events(t[place], columns[place] + offset, rows[place], polarities[place])

    def _times(self, kinds: NDArray[np.integer], content: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the time at each word; below 0 before the first word of the upper bits."""
        before = self.counter.now
        is_high = kinds == TIME_HIGH
        said = self.counter.unwrap(content[is_high])
        high = np.zeros(len(kinds), dtype=np.int64)
        high[is_high] = said
        changes = is_high.copy()
        changes[is_high] = np.diff(said, prepend=UNKNOWN if before is None else before) != 0
        is_low = kinds == TIME_LOW
        low = held(np.where(is_low, content, 0), is_low | changes, self.low)
        self.low = int(low[-1])
        return (held(high, is_high, UNKNOWN if before is None else before) << TIME_BITS) + low

    def _bases(
        self, kinds: NDArray[np.integer], content: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the column of a vector's first pixel and its polarity, at each word."""
        is_base = kinds == BASE_X
        width = 12 * (kinds == VECTOR_12).astype(np.int64) + 8 * (kinds == VECTOR_8)
        moved = np.cumsum(width) - width
        columns = moved + held((content & 0x7FF) - moved, is_base, self.column)
        polarities = held(content >> 11, is_base, self.polarity)
        self.column, self.polarity = int(columns[-1] + width[-1]), int(polarities[-1])
        return columns, polarities

    def _events(self, t: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64], p: NDArray[np.int64]) -> Events:
        """Return the events whose time and place are known, and count the others."""
        untimed = t < UNKNOWN
        nowhere = ((y < 0) | (x < 0)) & ~untimed
        beyond = (x >= COLUMNS) & ~untimed & ~nowhere
        self.losses.add("events before the first word of time", int(untimed.sum()))
        self.losses.add("events before the first word of row or column", int(nowhere.sum()))
        self.losses.add("events of vectors beyond the last column", int(beyond.sum()))
        known = ~(untimed | nowhere | beyond)
        return make_events(t[known], x[known], y[known], p[known])


def _set_bits(words: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of the lower 16 bits are set: the index of the word, and the bit from the lowest on."""
    places = np.flatnonzero(words)
    bytes_of_words = words[places].astype("<u2").view(np.uint8)
    bits = np.flatnonzero(np.unpackbits(bytes_of_words, bitorder="little").view(np.bool_))
    return places[bits >> 4], bits & 15
