"""AEDAT 2.0 of a DVS128."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events

HEADER = (
    b"#!AER-DAT2.0\r\n"
    b"# This is a raw AE data file - do not edit\r\n"
    b"# Data format is int32 address, int32 timestamp (8 bytes total), repeated for each event\r\n"
    b"# Timestamps tick is 1 us\r\n"
)


def write_aedat2(path: Path, events: Events) -> Path:
    """Write events of a sensor of 128 x 128 pixels as the readers of CIFAR10-DVS expect them."""
    x, y, p = (events[word].astype(np.int64) for word in ("x", "y", "p"))
    addresses = (127 - x) * 256 + (127 - y) * 2 + 1 - p
    path.write_bytes(HEADER + np.stack([addresses, events["t"] % 2**32], axis=1).astype(">u4").tobytes())
    return path
