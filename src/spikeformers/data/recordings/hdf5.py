"""HDF5 files of events: SHD's and SSC's layout of spikes, and columns or tables of events.

- SHD and SSC (https://zenkelab.org/datasets/): `spikes/times` (seconds) and `spikes/units` hold an array per recording.
- Columns: data sets t, x, y and p, in the file itself or in a group as `events` or `CD`.
- Tables: one data set whose elements have the fields t, x, y and p, such as `events` or, by Prophesee, `CD/events`.
  Prophesee's own compression needs its filter for the HDF5 library (https://github.com/prophesee-ai/hdf5_ecf).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import recording
from spikeformers.data.recordings.column_names import ColumnNames, check_unit, find_columns
from spikeformers.data.recordings.columns import Sieve
from spikeformers.data.recordings.hdf5_service import Listed, list_datasets, read_element, read_rows
from spikeformers.errors import DataError

TIMES, UNITS, LABELS, KEYS = "spikes/times", "spikes/units", "labels", "extra/keys"
COCHLEA = Sensor(700, 1, 1)
DENSEST = 1100  # bytes a stored byte may stand for; the compression HDF5 is delivered with ends at 1032
WAY_OUT = "Expected t, x, y and p as data sets or as fields of one, or spikes/times and spikes/units as SHD has them."


@dataclass(frozen=True)
class Column:
    """A column of numbers in a file: a data set, or a field of one."""

    dataset: str
    field: str | None
    dtype: str
    length: int


def open_file(path: Path, sensor: Sensor | None, *, time_unit: str | None = None) -> Hdf5 | Spikes:
    """Open a file that holds one recording.

    Args:
        path: the file.
        sensor: the camera's size; such files do not say it.
        time_unit: "us", "ms", "ns" or "s". None: as the name of the times says (`t_us`, `time_s`), else microseconds,
            which are whole numbers.

    Raises:
        DataError: it is damaged, holds no events or many recordings, or its times are not whole and nothing says their
            unit.
    """
    check_unit(time_unit)
    listed = {entry.name: entry for entry in list_datasets(path)}
    if {TIMES, UNITS} <= listed.keys():
        if listed[TIMES].length != 1:
            raise DataError(f"{path}: holds {listed[TIMES].length} recordings. Open one: open_spikes(path, index).")
        return open_spikes(path, 0, sensor or COCHLEA)
    names, columns = _find(path, listed)
    unit = time_unit or names.unit
    if unit is None and np.dtype(columns[0].dtype).kind == "f":
        raise DataError(f"{path}: the times are no whole numbers. Say their unit (time_unit='s', or a name as t_s).")
    return Hdf5(path, sensor, columns, unit or "us")


def open_spikes(path: Path, index: int, sensor: Sensor = COCHLEA) -> Spikes:
    """Open one recording of a file as SHD's or SSC's: x is the unit, y and p are 0."""
    return Spikes(path, sensor, index)


def read_labels(path: Path) -> NDArray[np.int64]:
    """Return the class index of each recording of a file as SHD's or SSC's, `[N]`.

    Raises:
        DataError: the file is damaged, has no labels, or another number of them than of recordings.
    """
    listed = {entry.name: entry for entry in list_datasets(path)}
    if not {TIMES, UNITS, LABELS} <= listed.keys():
        raise DataError(f"{path}: expected {TIMES}, {UNITS} and {LABELS}; there are {', '.join(listed) or 'none'}.")
    lengths = {listed[name].length for name in (TIMES, UNITS, LABELS)}
    _check_stored(path, listed[LABELS])
    if len(lengths) != 1:
        raise DataError(f"{path}: {TIMES}, {UNITS} and {LABELS} differ in length. Copy the file again.")
    return read_rows(path, LABELS, 0, lengths.pop()).astype(np.int64)


@dataclass(frozen=True)
class Spikes:
    """One recording of a file as SHD's or SSC's."""

    path: Path
    sensor: Sensor
    index: int

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the spikes as events; see `Recording.chunks`. The file holds a recording's spikes in one piece."""
        times, units = (read_element(self.path, name, self.index) for name in (TIMES, UNITS))
        whole = min(len(times), len(units))
        losses.add("events missing in the file", max(len(times), len(units)) - whole)
        sieve = Sieve(self.sensor, losses, start, stop)
        nothing = np.zeros(whole, dtype=np.int64)
        for first in range(0, whole, recording.CHUNK):
            part = slice(first, min(first + recording.CHUNK, whole))
            yield sieve.events(times[part], units[part], nothing[part], nothing[part], "s")


@dataclass(frozen=True)
class Hdf5:
    """A recording as four columns: t, x, y, p."""

    path: Path
    sensor: Sensor | None
    columns: tuple[Column, ...]
    unit: str

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events; see `Recording.chunks`.

        Counts "events missing in the file", where its columns differ in length or cannot be read to the end.
        """
        sieve = Sieve(self.sensor, losses, start, stop)
        announced = max(column.length for column in self.columns)
        shortest = min(column.length for column in self.columns)
        done = 0
        while done < shortest:
            end = min(done + recording.CHUNK, shortest)
            try:
                t, x, y, p = (read_rows(self.path, each.dataset, done, end, each.field) for each in self.columns)
            except DataError:
                if not done:
                    raise
                break
            if sieve.is_past(t, self.unit):
                return
            yield sieve.events(t, x, y, p, self.unit)
            done = end
        losses.add("events missing in the file", announced - done)


def _find(path: Path, listed: dict[str, Listed]) -> tuple[ColumnNames, tuple[Column, ...]]:
    for entry in listed.values():
        names = find_columns(entry.fields)
        if names is not None:
            fields = (names.t, names.x, names.y, names.p)
            return names, tuple(_column(path, entry, field, entry.fields[field]) for field in fields)
    for folder in dict.fromkeys(name.rpartition("/")[0] for name in listed):
        inside = {name.rpartition("/")[2]: entry for name, entry in listed.items() if name.rpartition("/")[0] == folder}
        names = find_columns(inside)
        if names is not None:
            entries = [inside[name] for name in (names.t, names.x, names.y, names.p)]
            return names, tuple(_column(path, entry, None, entry.dtype) for entry in entries)
    raise DataError(f"{path}: holds no events but {', '.join(list(listed)[:10]) or 'nothing'}. {WAY_OUT}")


def _column(path: Path, entry: Listed, field: str | None, dtype: str) -> Column:
    if np.dtype(dtype).kind not in "iufb":
        raise DataError(f"{path}: {entry.name} holds no numbers. {WAY_OUT}")
    _check_stored(path, entry)
    return Column(entry.name, field, dtype, entry.length)


def _check_stored(path: Path, entry: Listed) -> None:
    """Refuse a data set that claims more than its bytes can stand for, which would be read as zeros without an end."""
    if entry.length * entry.itemsize > entry.stored * DENSEST:
        raise DataError(
            f"{path}: {entry.name} claims {entry.length:,} elements, but holds {entry.stored:,} bytes. Copy the file "
            "again."
        )
