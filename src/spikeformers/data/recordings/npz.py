"""NumPy's .npz archives: arrays t, x, y, p, or one structured array with these fields.

Nothing is unpickled. The arrays are streamed out of the archive side by side, so memory grows neither with the file nor
with the shape it claims.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import recording
from spikeformers.data.recordings.column_names import ColumnNames, check_unit, find_columns
from spikeformers.data.recordings.columns import Sieve
from spikeformers.errors import DataError

WIDEST = 1 << 10  # bytes of an element; what holds more is no array of events
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # encrypted, or of a later version
    OverflowError,
    LookupError,
)
"""What `zipfile` and NumPy raise for damaged archives."""


@dataclass(frozen=True)
class Member:
    """An array in the archive."""

    name: str
    dtype: np.dtype[Any]
    length: int


def open_file(path: Path, sensor: Sensor | None, *, time_unit: str | None = None) -> Npz:
    """Open an archive.

    Args:
        path: the archive.
        sensor: the camera's size; archives do not say it.
        time_unit: "us", "ms", "ns" or "s". None: as the name of the times says (`t_us`, `time_s`), else microseconds,
            which are whole numbers.

    Raises:
        DataError: it is damaged, holds no events, or its times are not whole and nothing says their unit.
    """
    check_unit(time_unit)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [_member(archive, info) for info in archive.infolist() if info.filename.endswith(".npy")]
    except DAMAGE as error:
        raise DataError(f"{path}: the archive is damaged: {error}. Copy the file again.") from error
    names, chosen = _choose(path, members)
    times = chosen[0].dtype[names.t] if chosen[0].dtype.names else chosen[0].dtype
    unit = time_unit or names.unit
    if unit is None and times.kind == "f":
        raise DataError(f"{path}: the times are no whole numbers. Say their unit (time_unit='s', or a name as t_s).")
    return Npz(path, sensor, tuple(chosen), names, unit or "us")


@dataclass(frozen=True)
class Npz:
    """A recording in an archive: `members` are t, x, y and p, or a structured array whose fields `names` tells."""

    path: Path
    sensor: Sensor | None
    members: tuple[Member, ...]
    names: ColumnNames
    unit: str

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events; see `Recording.chunks`. What lies before `start` must be unpacked, too.

        Counts "events missing in the file", where it ends early or is damaged, or its arrays differ in length.
        """
        sieve = Sieve(self.sensor, losses, start, stop)
        announced = max(member.length for member in self.members)
        left = min(member.length for member in self.members)
        done = 0
        for arrays in _side_by_side(self.path, self.members, left):
            t, x, y, p = self._columns(arrays)
            if sieve.is_past(t, self.unit):
                return
            yield sieve.events(t, x, y, p, self.unit)
            done += len(t)
        losses.add("events missing in the file", announced - done)

    def _columns(self, arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
        if not self.members[0].dtype.names:
            return arrays
        return [arrays[0][name] for name in (self.names.t, self.names.x, self.names.y, self.names.p)]


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is compressed in another way than NumPy does it")  # without a bound to the size, too
    with archive.open(info) as file:
        length, dtype = _npy_header(file)
    return Member(info.filename, dtype, length)


def _npy_header(file: IO[bytes]) -> tuple[int, np.dtype[Any]]:
    """Return the length of a one-dimensional array, -1 for others, and its dtype; the file then stands at its data."""
    if np.lib.format.read_magic(file) != (1, 0):
        return -1, np.dtype("V1")  # later versions hold headers of 64 KB and more, or names that are not ASCII
    try:
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    except Exception as error:  # the header is a Python literal, and the parser of those raises whatever it likes
        raise ValueError(f"the header of an array is damaged ({type(error).__name__})") from error
    fits = len(shape) == 1 and 0 <= shape[0] < 1 << 62 and 0 < dtype.itemsize <= WIDEST
    return (shape[0] if fits else -1), dtype


def _choose(path: Path, members: list[Member]) -> tuple[ColumnNames, list[Member]]:
    for member in members:
        names = find_columns(member.dtype.names or ())
        if (
            names is not None
            and member.length >= 0
            and all(member.dtype[name].kind in "iufb" for name in (names.t, names.x, names.y, names.p))
        ):
            return names, [member]
    plain = {member.name.removesuffix(".npy"): member for member in members if member.dtype.kind in "iufb"}
    names = find_columns(name for name, member in plain.items() if member.length >= 0)
    if names is None:
        held = ", ".join(member.name.removesuffix(".npy") for member in members[:10]) or "nothing"
        raise DataError(
            f"{path}: holds no events but {held}. Expected one-dimensional arrays t, x, y and p, or one structured "
            "array with these fields."
        )
    return names, [plain[name] for name in (names.t, names.x, names.y, names.p)]


def _side_by_side(path: Path, members: tuple[Member, ...], length: int) -> Iterator[list[NDArray[Any]]]:
    """Yield the arrays piece by piece, all of one length, up to the first piece that cannot be read in full."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            files = [stack.enter_context(archive.open(member.name)) for member in members]
            for file in files:
                _npy_header(file)
        except DAMAGE:
            return
        while length > 0:
            rows = min(length, recording.CHUNK)
            pieces = [_rows(file, member.dtype, rows) for file, member in zip(files, members, strict=True)]
            whole = min(len(piece) for piece in pieces)
            yield [piece[:whole] for piece in pieces]
            if whole < rows:
                return
            length -= rows


def _rows(file: IO[bytes], dtype: np.dtype[Any], rows: int) -> NDArray[Any]:
    content = bytearray()
    try:
        while len(content) < rows * dtype.itemsize and (
            piece := file.read(min(1 << 20, rows * dtype.itemsize - len(content)))
        ):
            content += piece
    except DAMAGE:  # what was read of this piece is kept
        pass
    return np.frombuffer(content, dtype, len(content) // dtype.itemsize)
