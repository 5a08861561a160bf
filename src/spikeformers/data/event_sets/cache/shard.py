"""Some recordings in one file, memory-mapped when read.

A shard holds, per recording, its times (uint32, microseconds since its first event; int64 in one that lasts over 71
minutes) and its addresses (uint32, (p * height + y) * width + x), then a table with a row per recording, then a JSON
text (camera, what was lost, what could not be read), and at its end the lengths of both, their CRC-32, and `MAGIC`.
"""

from __future__ import annotations

import json
import mmap
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.event_sets.shelf import Reading
from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.errors import DataError
from spikeformers.files import atomic_write

MAGIC = b"spikeev1"
END = struct.Struct("<QQI8s")
ROW = np.dtype([("offset", "<u8"), ("count", "<u8"), ("start", "<i8"), ("time_bytes", "u1"), ("crc", "<u4")])
ADDRESS = "<u4"
ADDRESS_BYTES = 4
TIMES = {4: "<u4", 8: "<i8"}  # by their bytes
MOST_ADDRESSES = 1 << 8 * ADDRESS_BYTES


@dataclass(frozen=True, eq=False)
class Shard:
    """A mapped shard: recordings by their place in it."""

    sensor: Sensor
    losses: Losses
    refused: dict[int, str]
    rows: NDArray[np.void]
    content: mmap.mmap

    def addressed(self, place: int) -> Addressed:
        """Return the events of a recording; they stay in the mapped file.

        Raises:
            ValueError: they are damaged.
        """
        row = self.rows[place]
        offset, count, width = int(row["offset"]), int(row["count"]), int(row["time_bytes"])
        end = offset + count * (width + ADDRESS_BYTES)
        with memoryview(self.content) as view, view[offset:end] as stored:
            if zlib.crc32(stored) != row["crc"]:
                raise ValueError("the checksum of its events is another")
        times = np.frombuffer(self.content, TIMES[width], count, offset)
        addresses = np.frombuffer(self.content, ADDRESS, count, offset + count * width)
        return Addressed(times, addresses, self.sensor, int(row["start"]))


def write(path: Path, sensor: Sensor, readings: Iterable[Reading[Events]]) -> None:
    """Write a shard; nothing, or the former file, is there until it is complete.

    Raises:
        OSError: the directory cannot be written, or the disk is full.
    """
    losses, refused, rows = Losses(), {}, []
    with atomic_write(path) as file:
        offset = 0
        for place, reading in enumerate(readings):
            losses.merge(reading.losses)
            row = (offset, 0, 0, ADDRESS_BYTES, zlib.crc32(b""))
            if isinstance(reading.events, DataError):
                refused[place] = str(reading.events)
            elif len(reading.events):
                row = _write_events(file, offset, reading.events, sensor)
            rows.append(row)
            offset += row[1] * (row[3] + ADDRESS_BYTES)
        table = np.array(rows, dtype=ROW).tobytes()
        camera = [sensor.width, sensor.height, sensor.polarities]
        text = json.dumps({"sensor": camera, "losses": losses.reasons, "refused": refused}).encode()
        file.write(table + text + END.pack(len(table), len(text), zlib.crc32(table + text), MAGIC))


def read(path: Path) -> Shard:
    """Map a written shard into memory; the events themselves are checked when they are asked for.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is damaged.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if len(mapped) < END.size:
        raise ValueError("it is too short")
    table_length, text_length, checksum, magic = END.unpack(mapped[-END.size :])
    start = len(mapped) - END.size - text_length - table_length
    if magic != MAGIC or start < 0 or zlib.crc32(mapped[start : -END.size]) != checksum:
        raise ValueError("its checksum is another")
    facts = json.loads(mapped[start + table_length : -END.size])
    rows = np.frombuffer(mapped[start : start + table_length], ROW)
    if start != int((rows["count"] * (rows["time_bytes"] + np.uint64(ADDRESS_BYTES))).sum()):
        raise ValueError("it has another length")
    refused = {int(place): reason for place, reason in facts["refused"].items()}
    return Shard(Sensor(*facts["sensor"]), Losses(facts["losses"]), refused, rows, mapped)


def _write_events(file: IO[bytes], offset: int, events: Events, sensor: Sensor) -> tuple[int, int, int, int, int]:
    """Write one recording, which has events, and return its row."""
    start = int(events["t"][0])
    time_bytes = 4 if int(events["t"][-1]) - start < 1 << 32 else 8
    times = (events["t"] - start).astype(TIMES[time_bytes]).tobytes()
    addresses = Addressed.of(events, sensor).addresses.astype(ADDRESS).tobytes()
    file.write(times)
    file.write(addresses)
    return offset, len(events), start, time_bytes, zlib.crc32(addresses, zlib.crc32(times))
