"""What files call the columns of events, and in which unit their times are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from spikeformers.errors import DataError, suggest

ROLES = {
    "t": ("t", "ts", "time", "times", "timestamp", "timestamps"),
    "x": ("x", "xs"),
    "y": ("y", "ys"),
    "p": ("p", "ps", "pol", "polarity", "polarities", "on"),
}
UNITS = {"us": (1, 1), "ns": (1, 1000), "ms": (1000, 1), "s": (1_000_000, 1)}
"""Unit of time -> microseconds in it, as numerator and denominator."""

_WITH_UNIT = re.compile(r"([a-z]+)(?:[_ ]+|(?=[\[(]))[\[(]?(us|µs|ns|ms|s)[\])]?")


@dataclass(frozen=True)
class ColumnNames:
    """The names of the four columns in a file, and the unit the name of the time says, if any (`t_us`, `time [s]`)."""

    t: str
    x: str
    y: str
    p: str
    unit: str | None


def find_columns(names: Iterable[str]) -> ColumnNames | None:
    """Return which of these names are the columns of events, whatever their case; None: one of the four is missing."""
    found: dict[str, str] = {}
    unit = None
    for name in names:
        word = name.strip().lower()
        stem, said = _without_unit(word)
        for role, known in ROLES.items():
            if word in known or (role == "t" and stem in known):
                found.setdefault(role, name)
                unit = said if role == "t" and word not in known and found["t"] == name else unit
    return ColumnNames(**found, unit=unit) if len(found) == len(ROLES) else None


def check_unit(unit: str | None) -> None:
    """Raise a DataError for a unit of time that is none."""
    if unit is not None and unit not in UNITS:
        raise DataError(f"There is no unit of time {unit!r}.{suggest(unit, UNITS)} Known are: {', '.join(UNITS)}.")


def _without_unit(word: str) -> tuple[str, str | None]:
    match = _WITH_UNIT.fullmatch(word)
    return (match[1], match[2].replace("µ", "u")) if match else (word, None)
