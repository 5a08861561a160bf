"""AEDAT4, the files of iniVation's DV (https://docs.inivation.com/software/software-advanced-usage/file-formats/).

A header, packets of one stream each, mostly compressed, and a table of all packets, which says their times. The package
`aedat` (MIT) reads such files, too; it ends at the first damaged packet, counts nothing and cannot seek.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.aedat4_header import Header, read_header
from spikeformers.data.recordings.aedat4_packets import (
    LARGEST,
    Packet,
    PacketTable,
    listed_packets,
    read_table,
    unpack,
    walked_packets,
)
from spikeformers.data.recordings.columns import Sieve
from spikeformers.data.recordings.flat_tables import DamagedTable, root_table
from spikeformers.data.recordings.keeping import pieces
from spikeformers.data.recordings.leading_lines import opened

STORED = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("on", "u1"), ("", "V3")])


def open_file(path: Path, sensor: Sensor | None) -> Aedat4:
    """Open a recording. Of several streams of events, the one with the lowest number is read."""
    header = read_header(path)
    return Aedat4(path, sensor or header.sensor, header)


@dataclass(frozen=True)
class Aedat4:
    """A recording in AEDAT4."""

    path: Path
    sensor: Sensor | None
    header: Header

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events of each packet; see `Recording.chunks`. With a sound table, only what is asked for is read.

        Counts "damaged packets", "packets of unknown streams", "packets of other event streams", "bytes that are no
        whole packet", "bytes missing at the end", and what `Sieve.events` counts.
        """
        sieve = Sieve(self.sensor, losses, start, stop)
        with opened(self.path) as file:
            for packet in self._packets(file, losses, start, stop):
                if packet.stream == self.header.events:
                    yield from pieces(self._events(file, packet, sieve))
                elif packet.stream not in self.header.streams:
                    losses.add("packets of unknown streams")
                elif self.header.streams[packet.stream] == "EVTS":
                    losses.add("packets of other event streams")

    def _packets(self, file: IO[bytes], losses: Losses, start: int | None, stop: int | None) -> Iterator[Packet]:
        table = read_table(file, self.header)
        if table is None:
            return walked_packets(file, self.header, losses)
        return listed_packets(file, table, _at(table, start, stop), losses)

    def _events(self, file: IO[bytes], packet: Packet, sieve: Sieve) -> Events:
        stored = np.empty(0, dtype=STORED)
        try:
            if packet.size > LARGEST:
                raise DamagedTable(f"more than {LARGEST:,} bytes")
            file.seek(packet.place)
            content = unpack(file.read(packet.size), self.header.compression)
            begin, count = root_table(content, b"EVTS").vector(0, STORED.itemsize)
            stored = np.frombuffer(content, STORED, count, begin)
        except DamagedTable:
            sieve.losses.add("damaged packets")
        return sieve.events(stored["t"], stored["x"], stored["y"], stored["on"] != 0, "us")


def _at(table: PacketTable, start: int | None, stop: int | None) -> NDArray[np.bool_]:
    chosen = np.ones(len(table.places), dtype=bool)
    if start is not None:
        chosen &= table.last >= start
    if stop is not None:
        chosen &= table.first < stop
    return chosen
