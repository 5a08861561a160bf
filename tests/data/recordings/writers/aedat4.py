"""AEDAT4 as iniVation's DV writes it: header, packets, table of packets; the FlatBuffers are put together by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import lz4.frame
import numpy as np
import zstandard

from spikeformers.data.events.array import Events, Sensor

MAGIC = b"#!AER-DAT4.0\r\n"
STORED = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("on", "u1"), ("", "V3")])
PACK = {
    0: bytes,
    1: lz4.frame.compress,
    2: lambda content: lz4.frame.compress(content, compression_level=9),
    3: zstandard.compress,
    4: lambda content: zstandard.compress(content, level=15),
}
NODE = """<node name="{number}" path="/outInfo/{number}/"><attr key="compression" type="string">X</attr>
<attr key="typeIdentifier" type="string">{kind}</attr>
<node name="info" path="/outInfo/{number}/info/">{info}</node></node>"""
SIZE = '<attr key="sizeX" type="int">{0.width}</attr><attr key="sizeY" type="int">{0.height}</attr>'

Packet = tuple[int, bytes, int, int, int]
"""Stream, content before compression, elements, first and last time."""


def write_aedat4(
    path: Path,
    events: Events,
    sensor: Sensor | None = None,
    *,
    packet: int = 7,
    compression: int = 1,
    closed: bool = True,
    others: bool = True,
) -> Path:
    """Write events to stream 0, `packet` of them at once; a file that is not closed has no table.

    With `others`, the header names a second stream of events (1), which stays empty, and one of triggers (2), whose
    packets lie between those of the events.
    """
    packets = [event_packet(0, events[first : first + packet]) for first in range(0, len(events), packet)]
    if others:
        packets = [each for pair in zip(packets, [trigger_packet()] * len(packets), strict=True) for each in pair]
    streams = {0: "EVTS", 1: "EVTS", 2: "TRIG"} if others else {0: "EVTS"}
    path.write_bytes(file_of(packets, streams, sensor, compression, closed))
    return path


def file_of(
    packets: list[Packet], streams: dict[int, str], sensor: Sensor | None, compression: int, closed: bool
) -> bytes:
    info = SIZE.format(sensor) if sensor is not None else ""
    nodes = "".join(NODE.format(number=number, kind=kind, info=info) for number, kind in streams.items())
    description = f'<dv version="2.0"><node name="outInfo" path="/outInfo/">{nodes}</node></dv>'.encode()
    place = len(MAGIC) + len(_header(compression, 0, description))
    body, entries = b"", []
    for stream, content, elements, first, last in packets:
        packed = PACK[compression](content)
        entries.append((place + len(body) + 8, stream, len(packed), elements, first, last))
        body += struct.pack("<ii", stream, len(packed)) + packed
    table = PACK[compression](_table(entries)) if closed else b""
    return MAGIC + _header(compression, place + len(body) if closed else -1, description) + body + table


def event_packet(stream: int, events: Events) -> Packet:
    stored = np.zeros(len(events), STORED)
    stored["t"], stored["x"], stored["y"], stored["on"] = events["t"], events["x"], events["y"], events["p"]
    vector = struct.pack("<I", len(events)) + stored.tobytes()
    content = _root(b"EVTS", struct.pack("<HHH", 6, 8, 4), struct.pack("<I", 4), vector)
    times = (int(events["t"].min()), int(events["t"].max())) if len(events) else (0, 0)
    return stream, content, len(events), *times


def trigger_packet() -> Packet:
    return 2, _root(b"TRIG", struct.pack("<HHH", 6, 8, 4), struct.pack("<I", 4), struct.pack("<I", 0)), 0, 0, 0


def _root(identifier: bytes, vtable: bytes, fields: bytes, rest: bytes) -> bytes:
    """Return a buffer: its size, the root's offset, the identifier, padding, the vtable, the root, and the rest."""
    padding = b"\0" * (-len(vtable) % 4)
    root = 8 + len(padding) + len(vtable)
    content = struct.pack("<I", root) + identifier + padding + vtable + struct.pack("<i", len(vtable)) + fields + rest
    return struct.pack("<I", len(content)) + content


def _header(compression: int, table: int, description: bytes) -> bytes:
    fields = struct.pack("<iqI", compression, table, 4)
    return _root(
        b"IOHE", struct.pack("<HHHHH", 10, 20, 4, 8, 16), fields, struct.pack("<I", len(description)) + description
    )


def _table(entries: list[tuple[int, int, int, int, int, int]]) -> bytes:
    """Return the table: a vector of offsets to tables, which share a vtable that lies behind all of them."""
    size = 44
    vtable = struct.pack("<HHHHHHH", 14, size, 4, 12, 20, 28, 36)
    begin = 4 * len(entries)
    rows = b""
    for index, entry in enumerate(entries):
        to_vtable = (len(entries) - index) * size
        rows += struct.pack("<iqiiqqq", -to_vtable, *entry)
    offsets = b"".join(struct.pack("<I", begin + index * size - 4 * index) for index in range(len(entries)))
    vector = struct.pack("<I", len(entries)) + offsets + rows + vtable
    return _root(b"FTAB", struct.pack("<HHH", 6, 8, 4), struct.pack("<I", 4), vector)
