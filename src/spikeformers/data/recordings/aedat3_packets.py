"""The packets of AEDAT 3.1, also of damaged files."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from spikeformers.data.events.losses import Losses

HEADER = struct.Struct("<hhiiiiii")
KINDS = 128  # more than there are, as far as known
LARGEST = 1 << 24  # bytes of an event; a frame of 16 bits has 2 a pixel
POLARITY = 1
POLARITY_SIZE, POLARITY_TIME = 8, 4  # bytes of an event, and where in it the time is
# The header of a packet of polarity events begins so: type, any source, size of an event, place of its time.
BEGINNING = re.compile(
    struct.pack("<h", POLARITY) + b".." + struct.pack("<ii", POLARITY_SIZE, POLARITY_TIME) + b".{16}", re.DOTALL
)
EMPTY = HEADER.pack(POLARITY, 0, POLARITY_SIZE, POLARITY_TIME, 0, 0, 0, 0)
SEARCHED = 1 << 12, 1 << 20  # bytes: at first, as the next header is mostly near, and at most


@dataclass(frozen=True)
class Packet:
    """Events of one kind.

    Attributes:
        kind: what the events are; `POLARITY`, or others (frames, motion ...).
        overflow: how often the camera's counter of 31 bits had been full.
        number: of events that are there.
        place: of the first event in the file, in bytes.
    """

    kind: int
    overflow: int
    number: int
    place: int


@dataclass(frozen=True)
class _Header:
    kind: int
    size: int
    overflow: int
    capacity: int
    number: int


def packets(file: BinaryIO, body: int, losses: Losses) -> Iterator[Packet]:
    """Yield the packets of a file, whose first one begins after `body` bytes; the file may be read in between.

    A packet ends where its header announces it, but where neither another header nor the file's end follows there, it
    ends before the next header of polarity events, if that comes earlier.
    """
    end = file.seek(0, 2)
    place = body
    while place + HEADER.size <= end:
        header = _header(_bytes_at(file, place))
        if header is None:
            found = _search(file, place + 1, end)
            losses.add("bytes that are no packet", found - place)
            place = found
            continue
        begin = place + HEADER.size
        announced = place = begin + header.capacity * header.size
        if not _follows(file, announced, end):
            place = min(announced, _search(file, begin, end))
            losses.add("packets that are cut short or of a damaged length", int(place < announced))
        yield Packet(header.kind, header.overflow, min(header.number, (place - begin) // header.size), begin)
    losses.add("bytes of an incomplete packet at the end", end - place)


def _follows(file: BinaryIO, place: int, end: int) -> bool:
    """Return whether a header, what can be the beginning of one, or nothing is at a place, the last two at the end."""
    content = _bytes_at(file, place) if place <= end else b"\xff"
    return _header(content + EMPTY[len(content) :]) is not None


def _bytes_at(file: BinaryIO, place: int) -> bytes:
    file.seek(place)
    return file.read(HEADER.size)


def _header(content: bytes) -> _Header | None:
    """Return a header, None where it cannot be one."""
    if len(content) < HEADER.size:
        return None
    kind, source, size, time, overflow, capacity, number, valid = HEADER.unpack(content)
    possible = 0 <= kind < KINDS and source >= 0 and 0 <= time < size <= LARGEST
    possible = possible and overflow >= 0 and 0 <= valid <= number <= capacity
    if kind == POLARITY:
        possible = possible and (size, time) == (POLARITY_SIZE, POLARITY_TIME)
    return _Header(kind, size, overflow, capacity, number) if possible else None


def _search(file: BinaryIO, place: int, end: int) -> int:
    """Return where the next header of polarity events begins, at `place` or later; `end` where there is none."""
    wanted, most = SEARCHED
    while place + HEADER.size <= end:
        file.seek(place)
        content = file.read(wanted)
        if len(content) < HEADER.size:
            break
        begin = 0
        while match := BEGINNING.search(content, begin):
            if _header(match.group()) is not None:
                return place + match.start()
            begin = match.start() + 1
        place += len(content) - HEADER.size + 1
        wanted = min(2 * wanted, most)
    return end
