"""40-bit records, as N-MNIST and N-Caltech101 have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events


def write_forty_bit(path: Path, events: Events) -> Path:
    """Write events in the order of time, with a record of overflow wherever 23 bits do not suffice."""
    overflows = np.maximum(-(-(events["t"] - 0x7FFFFF) // 8192), 0)
    t = events["t"] - 8192 * overflows
    first, high = events["x"], t >> 16 | events["p"].astype(np.int64) << 7
    records = np.stack([first, events["y"], high, t >> 8 & 255, t & 255], axis=1).astype(np.uint8)
    before = np.repeat(np.arange(len(events)), np.diff(overflows, prepend=0))
    marker = np.array([0, 240, 0, 0, 0], dtype=np.uint8)
    path.write_bytes(np.insert(records, before, marker, axis=0).tobytes())
    return path
