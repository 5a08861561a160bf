"""Reading back what a run has written: whole, of this version, or an error that names file and line. Needs no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from spikeformers.errors import ConfigError, DataError
from spikeformers.train.tables import read_table

T = TypeVar("T")


def read_lines(file: Path, kind: type[T]) -> list[T]:
    """Read a file with one JSON object per line, each as the dataclass `kind`; no file has no lines.

    Raises:
        DataError: the file is damaged, or of another version; file and line are named.
    """
    if not file.exists():
        return []
    named = ((line, f"{file}, line {number}") for number, line in enumerate(read_text(file).splitlines(), start=1))
    return [typed(kind, read_object(line, source), source) for line, source in named]


def read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}.") from error


def read_object(text: str, source: str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except ValueError as error:
        raise DataError(f"{source} is damaged: {error}. Restore it from a copy.") from error
    if not isinstance(table, dict):
        raise foreign(f"{source} must hold one JSON object, got {type(table).__name__}.")
    return table


def typed(kind: type[T], table: dict[str, Any], source: str) -> T:
    try:
        return read_table(kind, table, source=source)
    except ConfigError as error:
        raise foreign(str(error)) from error


def foreign(what: str) -> DataError:
    # The keys a recipe could have do not help with a run that is done.
    what = what.partition(" Known keys:")[0]
    return DataError(
        f"{what} The run was written by another version of spikeformers, or edited; that version shows it."
    )
