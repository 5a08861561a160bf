"""Prophesee's DAT."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events, Sensor


def write_dat(path: Path, events: Events, sensor: Sensor) -> Path:
    """Write contrast events of version 2."""
    header = f"% Data file containing CD events\n% Version 2\n% Width {sensor.width}\n% Height {sensor.height}\n"
    x, y, p = (events[word].astype(np.int64) for word in ("x", "y", "p"))
    records = np.stack([events["t"] % 2**32, x + y * 2**14 + p * 2**28], axis=1).astype("<u4")
    path.write_bytes(header.encode() + b"\x0c\x08" + records.tobytes())
    return path
