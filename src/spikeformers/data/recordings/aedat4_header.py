"""The header of an AEDAT4 file: how its packets are compressed, where its table is, which streams it holds."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from spikeformers.data.events.array import Sensor
from spikeformers.data.recordings.flat_tables import DamagedTable, root_table
from spikeformers.data.recordings.leading_lines import opened
from spikeformers.errors import DataError

MAGIC = b"#!AER-DAT4.0\r\n"
COMPRESSIONS = ("none", "lz4", "lz4", "zstd", "zstd")  # by the header's number; each has an ordinary and a high level
LARGEST_HEADER = 1 << 20  # bytes; real ones have some thousand
UNKNOWN = -1  # as the position of the table, in a file that was never closed


@dataclass(frozen=True)
class Header:
    """What the header says.

    Attributes:
        compression: a word of `COMPRESSIONS`.
        table: the byte at which the table of packets begins, or `UNKNOWN`.
        end: the byte after the header, where the packets begin.
        streams: the number of each stream -> its kind ("EVTS" are events).
        events: the number of the stream of events; the lowest, where there are several.
        sensor: the camera's size, where the header says it.
    """

    compression: str
    table: int
    end: int
    streams: dict[int, str]
    events: int
    sensor: Sensor | None


def read_header(path: Path) -> Header:
    """Read the header of a file; raise a DataError if it is damaged."""
    with opened(path) as file:
        try:
            return _header(file)
        except (DamagedTable, ElementTree.ParseError) as error:
            raise DataError(f"{path}: the header of AEDAT4 is damaged: {error}. Copy the file again.") from error


def _header(file: IO[bytes]) -> Header:
    magic = file.read(len(MAGIC) + 4)
    if not magic.startswith(MAGIC) or len(magic) < len(MAGIC) + 4:
        raise DamagedTable(f"the file should begin with {MAGIC!r}")
    (size,) = struct.unpack("<I", magic[len(MAGIC) :])
    if size > LARGEST_HEADER:
        raise DamagedTable(f"it claims {size:,} bytes")
    root = root_table(magic[len(MAGIC) :] + file.read(size), b"IOHE")
    compression = root.number(0, "i", 0)
    if not 0 <= compression < len(COMPRESSIONS):
        raise DamagedTable(f"there is no compression {compression}")
    nodes = _nodes(root.text(2))
    streams = {number: _attributes(node).get("typeIdentifier", "") for number, node in nodes.items()}
    events = min((number for number, kind in streams.items() if kind == "EVTS"), default=None)
    if events is None:
        raise DamagedTable("it names no stream of events")
    return Header(
        COMPRESSIONS[compression], root.number(1, "q", UNKNOWN), file.tell(), streams, events, _sensor(nodes[events])
    )


def _nodes(text: str) -> dict[int, ElementTree.Element]:
    if "<!" in text.replace("<!--", ""):
        raise DamagedTable("its XML defines entities")  # which could make it grow without bound
    names = ((node.get("name", ""), node) for node in ElementTree.fromstring(text).iter("node"))
    return {int(name): node for name, node in names if name.isascii() and name.isdigit() and len(name) < 10}


def _attributes(node: ElementTree.Element) -> dict[str, str]:
    return {attribute.get("key", ""): attribute.text or "" for attribute in node.findall("attr")}


def _sensor(node: ElementTree.Element) -> Sensor | None:
    info = node.find("node[@name='info']")
    said = _attributes(info) if info is not None else {}
    if not {"sizeX", "sizeY"} <= said.keys():
        return None
    try:
        return Sensor(int(said["sizeX"]), int(said["sizeY"]))
    except (ValueError, DataError) as error:
        raise DamagedTable(f"a camera of {said['sizeX']} x {said['sizeY']} pixels cannot be") from error
