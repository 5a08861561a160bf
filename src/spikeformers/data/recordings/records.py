"""Files of records that all have the same size, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import recording
from spikeformers.data.recordings.leading_lines import opened


def count_records(path: Path, body: int, size: int) -> int:
    """Return how many whole records of `size` bytes follow the first `body` bytes of a file."""
    with opened(path) as file:
        return max(file.seek(0, 2) - body, 0) // size


def blocks(
    path: Path, body: int, record: np.dtype[Any], losses: Losses, first: int = 0, last: int | None = None
) -> Iterator[NDArray[Any]]:
    """Yield the records `first` up to `last` (None: the file's end) of a file, at most `CHUNK` at once.

    Args:
        body: bytes before the record 0.
        record: the dtype of a record.
        losses: counts the bytes of an incomplete record at the end, if the end is read.
    """
    with opened(path) as file:
        file.seek(body + first * record.itemsize)
        while last is None or first < last:
            wanted = recording.CHUNK if last is None else min(recording.CHUNK, last - first)
            content = file.read(wanted * record.itemsize)
            whole = len(content) // record.itemsize
            losses.add("bytes of an incomplete record at the end", len(content) - whole * record.itemsize)
            if whole:
                yield np.frombuffer(content, dtype=record, count=whole)
            if whole < wanted:
                return
            first += whole
