"""Prophesee's DAT files of decoded events (https://docs.prophesee.ai/stable/data/file_formats/dat.html).

A header of lines `% keyword value`, a byte for the kind of the events, a byte for their size, then records of eight
bytes, little-endian: 32 bits of microseconds, and from the lowest bit on 14 bits of x, 14 of y and 4 of polarity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.keeping import keep_possible
from spikeformers.data.recordings.leading_lines import opened
from spikeformers.data.recordings.prophesee_header import read_header
from spikeformers.data.recordings.timed_records import timed_blocks
from spikeformers.errors import DataError

VERSION = "2"
RECORD = np.dtype([("t", "<u4"), ("address", "<u4")])
KINDS = (0x00, 0x0C)  # a general two-dimensional event, and one of contrast


def open_file(path: Path, sensor: Sensor | None) -> Dat:
    """Open a recording.

    Raises:
        DataError: its header ends early, is of another version, or announces other records than contrast events.
    """
    with opened(path) as file:
        header = read_header(file, path)
        announced = file.read(2)
    if len(announced) < 2:
        raise DataError(f"{path}: ends within its header, so it is no whole DAT file. Fetch it again.")
    if (version := header.words.get("version", VERSION)) != VERSION:
        raise DataError(f"{path}: is of version {version[:20]} of DAT; only version {VERSION} can be read.")
    kind, size = announced
    if kind not in KINDS or size != RECORD.itemsize:
        raise DataError(
            f"{path}: announces events of the kind {kind:#04x} in {size} bytes; kinds {KINDS[0]:#04x} and "
            f"{KINDS[1]:#04x} (contrast) in {RECORD.itemsize} bytes can be read. Record contrast events, or fetch the "
            "file again."
        )
    return Dat(path, sensor or header.sensor(), header.body + 2)


@dataclass(frozen=True)
class Dat:
    """A recording whose events begin after `body` bytes."""

    path: Path
    sensor: Sensor | None
    body: int

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events; see `Recording.chunks`, and `seeking.window` for what is not read."""
        for records, t in timed_blocks(self.path, self.body, RECORD, losses, start, stop):
            address = records["address"]
            polarity = address >> 28
            known = polarity <= 1
            losses.add("events of an unknown polarity", int((~known).sum()))
            events = make_events(t, address & 0x3FFF, address >> 14 & 0x3FFF, polarity)
            yield keep_possible(events[known], self.sensor, losses)
