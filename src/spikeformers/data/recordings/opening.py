"""Which reader a file of events needs, told by its name or its first bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.leading_lines import opened
from spikeformers.data.recordings.prophesee_header import read_header
from spikeformers.data.recordings.recording import Recording, read_whole
from spikeformers.errors import DataError, UnknownNameError, suggest

Opener = Callable[..., Recording]
"""Takes a path and, where the user knows it, the camera's size, which counts more than what the header says.

Those of `UNSAID_TIMES` take the unit of time, too (`time_unit`)."""

# Name of the format -> module in this room, whose function `open_file` is an Opener. Modules are imported when needed.
FORMATS = {
    "40bit": "forty_bit",
    "aedat2": "aedat2",
    "aedat3": "aedat3",
    "aedat4": "aedat4",
    "evt2": "evt2",
    "evt3": "evt3",
    "dat": "dat",
    "hdf5": "hdf5",
    "npz": "npz",
    "csv": "csv",
}
UNSAID_TIMES = ("hdf5", "npz", "csv")
"""Formats whose files may leave open in which unit times are."""
# What a name says goes first: the first bytes of a file without a header (40-bit records) can look like anything.
SUFFIXES = {
    ".bin": "40bit",
    ".aedat4": "aedat4",
    ".dat": "dat",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".npz": "npz",
    ".csv": "csv",
    ".txt": "csv",
}
# First bytes of other files. What Prophesee's cameras write (.raw) begins with "% ", and its header says which it is.
SIGNATURES = {
    b"#!AER-DAT2.0": "aedat2",
    b"#!AER-DAT3.1": "aedat3",
    b"#!AER-DAT4.0": "aedat4",
    b"\x89HDF\r\n\x1a\n": "hdf5",
    b"PK\x03\x04": "npz",
}


def open_recording(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    sensor: Sensor | None = None,
    time_unit: str | None = None,
) -> Recording:
    """Open a recording; see `Recording` for what can be done with it.

    Args:
        format: a word of `FORMATS`; None: told by the file's name and first bytes.
        sensor: the camera's size, where the file does not say it.
        time_unit: "us", "ms", "ns" or "s", for the formats of `UNSAID_TIMES`; None: as the file says, or microseconds.

    Raises:
        DataError: there is no such file, its header is damaged, nothing tells its format, or a format that knows its
            unit of time was given one.
        UnknownNameError: there is no such format.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    name = format or format_of(path)
    if name not in FORMATS:
        raise UnknownNameError(
            f"There is no event format {name!r}.{suggest(name, FORMATS)} Known are: {', '.join(FORMATS)}."
        )
    opener: Opener = import_module(f"spikeformers.data.recordings.{FORMATS[name]}").open_file
    if time_unit is None:
        return opener(path, sensor)
    if name not in UNSAID_TIMES:
        raise DataError(f"{path}: times of {name} have a fixed unit. Leave time_unit={time_unit!r} away.")
    return opener(path, sensor, time_unit=time_unit)


def read_events(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    sensor: Sensor | None = None,
    time_unit: str | None = None,
) -> tuple[Events, Losses]:
    """Return all events of a recording in the order of time, and what was lost; see `open_recording`, `read_whole`."""
    losses = Losses()
    return read_whole(open_recording(path, format=format, sensor=sensor, time_unit=time_unit), losses), losses


def format_of(path: Path) -> str:
    """Return the word of `FORMATS` that a file's name, or else its first bytes, tell.

    Raises:
        DataError: they tell none.
    """
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    with opened(path) as file:
        beginning = file.read(max(map(len, SIGNATURES)))
        for signature, name in SIGNATURES.items():
            if beginning.startswith(signature):
                return name
        name = read_header(file, path).encoding
    if name in FORMATS:
        return name
    if name:
        raise DataError(
            f"{path}: its header says {name[:20].upper()!r}, which cannot be read; EVT2 and EVT3 can. Convert the file."
        )
    raise DataError(f"{path}: nothing tells which event format this is. Name one of {', '.join(FORMATS)} (format=...).")
