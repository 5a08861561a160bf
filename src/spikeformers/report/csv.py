"""Results as a table for spreadsheets and other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spikeformers.errors import InputError
from spikeformers.files import atomic_write

_FORMULA = ("=", "+", "-", "@", "\t")  # what a formula begins with to one spreadsheet or another


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV with a header: UTF-8, commas, "." for decimals; a list is written as its parts, by spaces.

    A text that a spreadsheet would compute as a formula gets a ' in front.

    Args:
        path: is replaced as a whole.
        rows: of the same words; what one lacks stays empty.

    Raises:
        InputError: there are no rows.
        OSError: the file cannot be written; a former one stays.
    """
    listed = list(rows)
    words = list(dict.fromkeys(word for row in listed for word in row))
    if not words:
        raise InputError(f"{path}: there are no rows to write.")
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, words, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows({word: _cell(value) for word, value in row.items()} for row in listed)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
