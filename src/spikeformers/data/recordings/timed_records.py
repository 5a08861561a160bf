"""Records of one size, each with 32 bits of microseconds: what AEDAT 2.0 and DAT share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.keeping import in_time, is_past
from spikeformers.data.recordings.leading_lines import opened
from spikeformers.data.recordings.records import blocks, count_records
from spikeformers.data.recordings.seeking import window

TIME_BITS = 32


def timed_blocks(
    path: Path, body: int, record: np.dtype[Any], losses: Losses, start: int | None, stop: int | None
) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Yield the records with start <= t < stop, and t in microseconds that go on, block by block.

    Args:
        body: bytes before the first record.
        record: dtype of a record, whose word "t" is the time.
        start, stop: see `Recording.chunks`, and `window` for what is not read.
    """
    count = count_records(path, body, record.itemsize)
    with opened(path) as file:

        def said_at(place: int) -> int | None:
            file.seek(body + place * record.itemsize)
            content = file.read(record.itemsize)
            return int(np.frombuffer(content, dtype=record)["t"][0]) if len(content) == record.itemsize else None

        first, last, counter = window(said_at, count, TIME_BITS, start, stop)
    for records in blocks(path, body, record, losses, first, last):
        t = counter.unwrap(records["t"])
        if is_past(t, stop):
            return
        inside = in_time(t, start, stop)
        yield records[inside], t[inside]
