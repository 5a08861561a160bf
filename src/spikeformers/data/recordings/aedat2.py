"""AEDAT 2.0 of the DVS128, as CIFAR10-DVS has it.

A header of lines that begin with "#", then records of eight bytes, big-endian: a 32-bit address and 32 bits of
microseconds. Bit 0 of an address is set where it became darker, x' is in bits 1..7 and y' in bits 8..14, and the axes
are turned as the readers of CIFAR10-DVS turn them: x = 127 - y' and y = 127 - x'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.keeping import keep_possible
from spikeformers.data.recordings.leading_lines import leading_lines, opened
from spikeformers.data.recordings.timed_records import timed_blocks
from spikeformers.errors import DataError

VERSION = "#!AER-DAT2.0"
RECORD = np.dtype([("address", ">u4"), ("t", ">u4")])
SIDE = 128
EXTERNAL = 1 << 15  # the bit of what is no pixel's event, as a pulse at the camera's input
ADDRESSES = 1 << 16


def open_file(path: Path, sensor: Sensor | None) -> Aedat2:
    """Open a recording.

    Raises:
        DataError: it is no AEDAT 2.0, or that of a camera whose addresses are laid out otherwise.
    """
    with opened(path) as file:
        lines = leading_lines(file, path, b"#", b"")
        body = file.tell()
    if not lines or not lines[0].startswith(VERSION):
        raise DataError(f"{path}: does not begin with {VERSION}, so it is no AEDAT 2.0. Leave the format away.")
    if any("davis" in line.lower() for line in lines):
        raise DataError(f"{path}: its header names a DAVIS; of AEDAT 2.0 only the addresses of a DVS128 can be read.")
    return Aedat2(path, sensor or Sensor(SIDE, SIDE), body)


@dataclass(frozen=True)
class Aedat2:
    """A recording of a DVS128; the events begin after `body` bytes."""

    path: Path
    sensor: Sensor
    body: int

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events; see `Recording.chunks`, and `seeking.window` for what is not read."""
        for records, t in timed_blocks(self.path, self.body, RECORD, losses, start, stop):
            yield keep_possible(_decode(records["address"].astype(np.uint32), t, losses), self.sensor, losses)


def _decode(addresses: NDArray[np.uint32], t: NDArray[np.int64], losses: Losses) -> Events:
    impossible = addresses >= ADDRESSES
    external = (addresses & EXTERNAL != 0) & ~impossible
    losses.add("addresses a DVS128 does not have", int(impossible.sum()))
    losses.add("external events, which are no pixel's", int(external.sum()))
    pixels = ~(impossible | external)
    addresses = addresses[pixels]
    x = SIDE - 1 - (addresses >> 8 & 127)
    y = SIDE - 1 - (addresses >> 1 & 127)
    return make_events(t[pixels], x, y, 1 - (addresses & 1))
