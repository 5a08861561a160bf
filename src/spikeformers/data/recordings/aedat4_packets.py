"""Where the packets of an AEDAT4 file lie, and what is in one."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.aedat4_header import UNKNOWN, Header
from spikeformers.data.recordings.extras import extra
from spikeformers.data.recordings.flat_tables import DamagedTable, numbers_of_tables, root_table

PACKET_HEADER = struct.Struct("<ii")  # the stream's number, bytes that follow
LARGEST = 1 << 26  # bytes of a packet, packed or not: 4 million events; real ones have some thousand
COMPRESSED = "AEDAT4 recordings that are compressed"


@dataclass(frozen=True)
class PacketTable:
    """The table at the end of a file: where each packet's content begins, its stream and size, its times.

    Each `[P]`; times in microseconds, of the first and the last element.
    """

    places: NDArray[np.int64]
    streams: NDArray[np.int64]
    sizes: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def fits(self, header: Header) -> bool:
        """Return whether the packets follow each other without a gap, from the file's header to this table."""
        begins = self.places - PACKET_HEADER.size
        expected = np.append(header.end, self.places + self.sizes)
        return bool((self.sizes >= 0).all() and np.array_equal(np.append(begins, header.table), expected))


@dataclass(frozen=True)
class Packet:
    """A packet's stream, and where its content lies in the file."""

    stream: int
    place: int
    size: int


def read_table(file: IO[bytes], header: Header) -> PacketTable | None:
    """Return the table of packets; None where there is none, or it is damaged."""
    if header.table == UNKNOWN or not header.end <= header.table < os.fstat(file.fileno()).st_size:
        return None
    file.seek(header.table)
    packed = file.read(LARGEST + 1)
    try:
        root = root_table(unpack(packed, header.compression), b"FTAB")
        fields = [(0, 0, "<i8"), (1, 0, "<i4"), (1, 4, "<i4"), (3, 0, "<i8"), (4, 0, "<i8")]
        table = PacketTable(*numbers_of_tables(root, 0, fields))
    except DamagedTable:
        return None
    return table if table.fits(header) else None


def listed_packets(file: IO[bytes], table: PacketTable, chosen: NDArray[np.bool_], losses: Losses) -> Iterator[Packet]:
    """Yield the chosen packets of the table; count those whose own header says something else."""
    for index in np.flatnonzero(chosen):
        packet = Packet(int(table.streams[index]), int(table.places[index]), int(table.sizes[index]))
        file.seek(packet.place - PACKET_HEADER.size)
        if file.read(PACKET_HEADER.size) == PACKET_HEADER.pack(packet.stream, packet.size):
            yield packet
        else:
            losses.add("damaged packets")


def walked_packets(file: IO[bytes], header: Header, losses: Losses) -> Iterator[Packet]:
    """Yield the packets one after another, for a file without a sound table; count the bytes that are no packet."""
    end = os.fstat(file.fileno()).st_size
    losses.add("bytes missing at the end", max(0, header.table - end))
    place = header.end
    while place < end:
        file.seek(place)
        head = file.read(PACKET_HEADER.size)
        stream, size = PACKET_HEADER.unpack(head) if len(head) == PACKET_HEADER.size else (0, -1)
        if size < 0 or place + len(head) + size > end:
            break
        yield Packet(stream, place + len(head), size)
        place += len(head) + size
    losses.add("bytes that are no whole packet", end - place)


def unpack(packed: bytes, compression: str) -> bytes:
    """Return the decompressed content, at most `LARGEST` bytes.

    Raises:
        DamagedTable: it is damaged or larger.
        DataError: the package for this compression is not installed.
    """
    if compression == "none":
        content = packed[: LARGEST + 1]
    elif compression == "lz4":
        content = _lz4(packed)
    else:
        content = _zstd(packed)
    if len(content) > LARGEST:
        raise DamagedTable(f"more than {LARGEST:,} bytes")
    return content


def _lz4(packed: bytes) -> bytes:
    frame = extra("lz4.frame", COMPRESSED)
    try:
        content: bytes = frame.LZ4FrameDecompressor().decompress(packed, max_length=LARGEST + 1)
    except (RuntimeError, EOFError) as error:
        raise DamagedTable(str(error)) from error
    return content


def _zstd(packed: bytes) -> bytes:
    zstandard = extra("zstandard", COMPRESSED)
    try:
        with zstandard.ZstdDecompressor(max_window_size=LARGEST).stream_reader(packed) as stream:
            content: bytes = stream.read(LARGEST + 1)
    except zstandard.ZstdError as error:
        raise DamagedTable(str(error)) from error
    return content
