"""Writing simulated events as 40-bit records, the format of N-MNIST, so that whatever reads the real ones reads them.

A record has five bytes: x, y, then big-endian one bit of polarity and 23 bits of microseconds. A record with y = 240 is
no event: it says that all later times are 2^13 microseconds later.
"""

from __future__ import annotations

import os

import numpy as np

from spikeformers.data.events.array import Events, in_time_order
from spikeformers.errors import DataError
from spikeformers.files import atomic_write

OVERFLOW_ROW = 240
OVERFLOW_STEP = 1 << 13
COUNTER = 1 << 23


def write_forty_bit(path: str | os.PathLike[str], events: Events) -> None:
    """Write events in the order of time.

    Raises:
        DataError: the format cannot hold them: a time below 0 or before its predecessor's, x above 255, or y above 239.
    """
    records = _records(events)
    with atomic_write(path) as file:
        file.write(records.tobytes())


def _records(events: Events) -> np.ndarray:
    """Return the bytes `[N, 5]`, records of overflows included."""
    if len(events) and not (
        in_time_order(events) and events["t"][0] >= 0 and events["x"].max() < 256 and events["y"].max() < OVERFLOW_ROW
    ):
        raise DataError(
            "40-bit records hold events in the order of time, from 0 on, with x up to 255 and y up to "
            f"{OVERFLOW_ROW - 1}; these lie from {events['t'].min()} us on, up to x {events['x'].max()} and y "
            f"{events['y'].max()}. Simulate a smaller sensor."
        )
    # The least number of steps after which the rest of each time fits into the counter.
    shifts = -(-np.maximum(events["t"] - (COUNTER - 1), 0) // OVERFLOW_STEP)
    overflows = np.diff(shifts, prepend=0)
    content = np.zeros((len(events) + int(overflows.sum()), 5), dtype=np.uint8)
    content[:, 1] = OVERFLOW_ROW
    low = events["t"] - shifts * OVERFLOW_STEP
    content[np.arange(len(events)) + np.cumsum(overflows)] = np.stack(
        [events["x"], events["y"], events["p"].astype(np.int64) << 7 | low >> 16, low >> 8 & 255, low & 255], axis=1
    )
    return content
