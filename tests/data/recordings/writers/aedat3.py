"""AEDAT 3.1 of polarity events."""

from __future__ import annotations

import struct
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events

HEADER = (
    b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#Start-Time: 2016-11-08 10:14:58 (TZ+0100)\r\n"
    b"#!END-HEADER\r\n"
)


def write_aedat3(path: Path, events: Events, *, packet: int = 5000, invalid: Collection[int] = ()) -> Path:
    """Write events in packets of at most `packet`; those at the indices `invalid` are marked as invalid."""
    overflows = events["t"] >> 31
    changes = np.flatnonzero(np.diff(overflows)) + 1
    ends = sorted({*range(0, len(events), packet), *changes.tolist(), len(events)})
    valid = np.ones(len(events), dtype=np.uint32)
    valid[list(invalid)] = 0
    content = [HEADER]
    for first, last in pairwise(ends):
        part = events[first:last]
        content.append(_packet(part, valid[first:last], int(overflows[first])))
    path.write_bytes(b"".join(content))
    return path


def other_packet(kind: int, size: int, number: int) -> bytes:
    """Return a packet of another kind of events, full of bytes that mean nothing here."""
    return struct.pack("<hhiiiiii", kind, 1, size, 4, 0, number, number, number) + b"\x5a" * size * number


def _packet(part: Events, valid: np.ndarray, overflow: int) -> bytes:
    x, y, p = (part[word].astype(np.uint32) for word in ("x", "y", "p"))
    records = np.stack([x * 2**17 + y * 4 + p * 2 + valid, part["t"] % 2**31], axis=1).astype("<u4")
    number = len(part)
    return struct.pack("<hhiiiiii", 1, 1, 8, 4, overflow, number, number, int(valid.sum())) + records.tobytes()
