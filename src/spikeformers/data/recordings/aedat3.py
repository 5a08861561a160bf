"""AEDAT 3.1, as DVS128 Gesture has it: a header of lines that begin with "#", then packets of events.

A packet has a header of 28 bytes, little-endian, and events of one kind. A polarity event has eight bytes: 32 bits
with, from the lowest on, whether it is valid, its polarity, 15 bits of y and 15 of x; and 31 bits of microseconds,
whose overflows the packet's header counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import recording
from spikeformers.data.recordings.aedat3_packets import POLARITY, Packet, packets
from spikeformers.data.recordings.keeping import keep
from spikeformers.data.recordings.leading_lines import leading_lines, opened
from spikeformers.errors import DataError

VERSION = "#!AER-DAT3.1"
END = b"#!END-HEADER"
RECORD = np.dtype([("data", "<u4"), ("t", "<i4")])
TIME_BITS = 31
# Cameras by a word of their name in the header's line "#Source 1: ...".
SENSORS = {"dvs128": Sensor(128, 128), "davis240": Sensor(240, 180), "davis346": Sensor(346, 260)}


def open_file(path: Path, sensor: Sensor | None) -> Aedat3:
    """Open a recording.

    Raises:
        DataError: it is no AEDAT 3.1, or its packets are compressed.
    """
    with opened(path) as file:
        lines = leading_lines(file, path, b"#", END)
        body = file.tell()
    if not lines or not lines[0].startswith(VERSION):
        raise DataError(f"{path}: does not begin with {VERSION}, so it is no AEDAT 3.1. Leave the format away.")
    if lines[-1] != END.decode():
        raise DataError(f"{path}: its header does not end with {END.decode()}. Fetch the file again.")
    packing = next((line.partition(":")[2].strip() for line in lines if line.startswith("#Format:")), "RAW")
    if packing.upper() != "RAW":
        raise DataError(f"{path}: its packets are packed as {packing[:40]!r}; only RAW ones can be read.")
    return Aedat3(path, sensor or _sensor(lines), body)


def _sensor(lines: list[str]) -> Sensor | None:
    source = next((line.lower() for line in lines if line.startswith("#Source")), "")
    return next((sensor for name, sensor in SENSORS.items() if name in source), None)


@dataclass(frozen=True)
class Aedat3:
    """A recording whose packets begin after `body` bytes."""

    path: Path
    sensor: Sensor | None
    body: int

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the polarity events; see `Recording.chunks`. Other packets are passed over.

        Of a packet outside `start` to `stop`, only the header and the times of the first and last event are read.
        """
        with opened(self.path) as file:
            wanted = (
                packet
                for packet in packets(file, self.body, losses)
                if packet.kind == POLARITY and not _is_outside(file, packet, start, stop)
            )
            for records, overflows in _batches(file, wanted):
                yield keep(_decode(records, overflows, losses), self.sensor, losses, start, stop)


def _batches(file: BinaryIO, wanted: Iterable[Packet]) -> Iterator[tuple[NDArray[np.void], NDArray[np.int64]]]:
    """Yield records, and the overflow that holds for each: as many small packets together as make a chunk."""
    parts: list[tuple[NDArray[np.void], int]] = []
    room = recording.CHUNK
    for packet in wanted:
        for first in range(0, packet.number, recording.CHUNK):
            records = _records(file, packet, first, min(recording.CHUNK, packet.number - first))
            if len(records) > room:
                yield _joined(parts)
                parts, room = [], recording.CHUNK
            parts.append((records, packet.overflow))
            room -= len(records)
    if parts:
        yield _joined(parts)


def _joined(parts: Sequence[tuple[NDArray[np.void], int]]) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    records = np.concatenate([records for records, _ in parts])
    return records, np.repeat([overflow for _, overflow in parts], [len(records) for records, _ in parts])


def _records(file: BinaryIO, packet: Packet, first: int, number: int) -> NDArray[np.void]:
    file.seek(packet.place + first * RECORD.itemsize)
    content = file.read(number * RECORD.itemsize)
    return np.frombuffer(content, dtype=RECORD, count=len(content) // RECORD.itemsize)


def _is_outside(file: BinaryIO, packet: Packet, start: int | None, stop: int | None) -> bool:
    """Return whether a packet, whose events are in the order of time, has none with start <= t < stop."""
    if packet.number == 0 or (start is None and stop is None):
        return packet.number == 0
    ends = [_records(file, packet, place, 1)["t"] for place in (0, packet.number - 1)]
    if not all(map(len, ends)):
        return False
    earliest, latest = (packet.overflow << TIME_BITS | max(int(t[0]), 0) for t in ends)
    return (start is not None and latest < start) or (stop is not None and earliest >= stop)


def _decode(records: NDArray[np.void], overflows: NDArray[np.int64], losses: Losses) -> Events:
    data, t = records["data"], records["t"].astype(np.int64)
    invalid = data & 1 == 0
    negative = (t < 0) & ~invalid
    losses.add("events marked as invalid", int(invalid.sum()))
    losses.add("events of a negative time", int(negative.sum()))
    kept = ~(invalid | negative)
    data, t = data[kept], t + (overflows << TIME_BITS)
    return make_events(t[kept], data >> 17, data >> 2 & 0x7FFF, data >> 1 & 1)
