"""Events as text, one a line: columns t, x, y, p, or as a header names them; separated by commas, semicolons or blanks.

Times are microseconds, whole numbers, unless the header (`t_s`, `time [ms]`) or the caller says another unit: nothing
is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.column_names import check_unit, find_columns
from spikeformers.data.recordings.columns import Sieve
from spikeformers.data.recordings.keeping import pieces
from spikeformers.data.recordings.leading_lines import opened
from spikeformers.errors import DataError

BLOCK = 1 << 19  # bytes read at once
LONGEST = 1 << 12  # bytes of a line
LEADING = 1 << 16  # bytes of comments, at most, before the first line of another kind
POLARITIES = {b"true": b"1", b"false": b"0", b"on": b"1", b"off": b"0"}
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Plan:
    """How the lines are to be read: where they begin, what separates columns (None: blanks), and which is which."""

    body: int
    separator: bytes | None
    columns: int
    order: tuple[int, int, int, int]
    unit: str
    whole: bool


def open_file(path: Path, sensor: Sensor | None, *, time_unit: str | None = None) -> Csv:
    """Open a file of lines.

    Args:
        path: the file. Lines at its begin that start with # or % are comments, the last of which may name the columns.
        sensor: the camera's size; such files do not say it.
        time_unit: "us", "ms", "ns" or "s". None: as the header says, else microseconds, which are whole numbers.

    Raises:
        DataError: its header does not name all four columns, or its times are not whole and nothing says their unit.
    """
    check_unit(time_unit)
    with opened(path) as file:
        names, body, first = _beginning(file.read(LEADING))
    separator = _separator(names if names is not None else first)
    words = _split(names, separator) if names is not None else ["t", "x", "y", "p"]
    found = find_columns(words)
    if found is None:
        raise DataError(f"{path}: the header names {', '.join(words)}; expected t, x, y and p among them.")
    t, x, y, p = (words.index(name) for name in (found.t, found.x, found.y, found.p))
    unit = time_unit or found.unit
    cells = _split(first, separator)
    if unit is None and t < len(cells) and _fractional(cells[t]):
        raise DataError(
            f"{path}: the first time, {cells[t]}, is no whole number. Say the unit of the times (time_unit='s', or a "
            "column name as t_s)."
        )
    return Csv(path, sensor, Plan(body, separator, len(words), (t, x, y, p), unit or "us", unit is None))


@dataclass(frozen=True)
class Csv:
    """A recording as lines of text."""

    path: Path
    sensor: Sensor | None
    plan: Plan

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events; see `Recording.chunks`. What lies before `start` must be read, too.

        Counts "lines that are no event", and what `Sieve.events` counts.
        """
        sieve = Sieve(self.sensor, losses, start, stop)
        with opened(self.path) as file:
            file.seek(self.plan.body)
            for lines in _blocks_of_lines(file):
                table = _table(lines, self.plan, losses)
                t, x, y, p = (table[:, column] for column in self.plan.order)
                if sieve.is_past(t, self.plan.unit):
                    return
                yield from pieces(sieve.events(t, x, y, p, self.plan.unit))


def _beginning(content: bytes) -> tuple[bytes | None, int, bytes]:
    """Return the line that names the columns, if any; at which byte the events begin; and the first of their lines."""
    body = len(BOM) if content.startswith(BOM) else 0
    names = None
    for line in content[body:].splitlines(keepends=True):
        text = line.strip()
        if text.startswith((b"#", b"%")):
            comment = text.lstrip(b"#% \t")
            names = comment if find_columns(_split(comment, _separator(comment))) else names
        elif re.match(rb"[\"']?[A-Za-z_]", text):
            names = text
        elif text:
            return names, body, text
        body += len(line)
    return names, body, b""


def _separator(line: bytes) -> bytes | None:
    return next((separator for separator in (b";", b",") if separator in line), None)


def _split(line: bytes, separator: bytes | None) -> list[str]:
    return [cell.strip().strip(b"\"'").decode(errors="replace") for cell in line.split(separator)]


def _fractional(cell: str) -> bool:
    return (
        re.fullmatch(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?", cell) is not None and not cell.lstrip("+-").isdigit()
    )


def _blocks_of_lines(file: IO[bytes]) -> Iterator[list[bytes]]:
    """Yield whole lines, block by block. Of a line that is too long a "?" remains, which is no event."""
    rest = b""
    while block := file.read(BLOCK):
        head, newline, rest = (rest + block).rpartition(b"\n")
        if newline:
            yield head.split(b"\n")
        if len(rest) > LONGEST:
            rest = b"?"
    if rest:
        yield [rest]


def _table(lines: list[bytes], plan: Plan, losses: Losses) -> NDArray[Any]:
    """Return the numbers of the lines, `[lines, columns]`, integers where times are whole, else floats."""
    dtype = np.int64 if plan.whole else np.float64
    lines = [line for line in lines if line and not line.isspace()]
    try:
        text = b"".join(lines)
        if re.search(rb"\d", text) and not (plan.whole and re.search(rb"[.eE]", text)):
            table = np.loadtxt(lines, dtype, comments=None, delimiter=_word(plan.separator), ndmin=2, encoding="ascii")
            if table.shape == (len(lines), plan.columns):
                return table
    except (ValueError, OverflowError):
        pass  # a line is no event: which one, is found line by line
    rows = [row for row in (_numbers(line, plan) for line in lines) if row is not None]
    losses.add("lines that are no event", len(lines) - len(rows))
    return np.array(rows, dtype).reshape(-1, plan.columns)


def _word(separator: bytes | None) -> str | None:
    return separator.decode() if separator else None


def _numbers(line: bytes, plan: Plan) -> list[float] | None:
    """Return the numbers of a line; None: it is no event. Columns that are none of t, x, y, p are 0."""
    cells = line.split(plan.separator)
    if len(cells) != plan.columns or len(line) > LONGEST:
        return None
    row: list[float] = [0] * plan.columns
    try:
        for column in plan.order:
            cell = cells[column].strip()
            cell = POLARITIES.get(cell.lower(), cell) if column == plan.order[3] else cell
            row[column] = int(cell) if plan.whole else float(cell)
    except ValueError:
        return None
    return row if all(-(1 << 63) <= number < 1 << 63 for number in row) else None
