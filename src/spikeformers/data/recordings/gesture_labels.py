"""The label tables of DVS128 Gesture: which gesture a recording shows from when to when (Amir et al., 2017)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from spikeformers.errors import DataError

COLUMNS = ("class", "startTime_usec", "endTime_usec")
CLASSES = range(1, 12)
LATEST = 1 << 62  # microseconds


@dataclass(frozen=True)
class Trial:
    """A gesture, 1 to 11, shown from `start` up to `stop` microseconds of the recording's clock."""

    gesture: int
    start: int
    stop: int


def read_labels(path: str | os.PathLike[str]) -> list[Trial]:
    """Return the trials of a table (`user01_fluorescent_labels.csv`) in its order.

    Raises:
        DataError: the table is missing or damaged; names the line.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the label table cannot be read ({error}). Fetch it again.") from error
    rows = [(n, [cell.strip() for cell in line.split(",")]) for n, line in enumerate(lines, 1) if line.strip()]
    if not rows or tuple(rows[0][1]) != COLUMNS:
        raise DataError(f"{path}: does not begin with the line {','.join(COLUMNS)}, so it is no table of labels.")
    return [_trial(path, number, cells) for number, cells in rows[1:]]


def _trial(path: Path, line: int, cells: list[str]) -> Trial:
    try:
        gesture, start, stop = (int(cell) for cell in cells)
    except ValueError as error:
        raise DataError(
            f"{path}, line {line}: expected three whole numbers, found {','.join(cells)[:80]!r}."
        ) from error
    if gesture not in CLASSES:
        raise DataError(f"{path}, line {line}: there is no gesture {gesture}; expected {CLASSES[0]} to {CLASSES[-1]}.")
    if not 0 <= start < stop < LATEST:
        raise DataError(f"{path}, line {line}: a gesture cannot last from {start} to {stop} us.")
    return Trial(gesture, start, stop)
