"""Prophesee's EVT 3.0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikeformers.data.events.array import Events, Sensor

LARGEST_STEP = 1 << 10  # of the upper 12 bits, so that no two words of time are half the counter's range apart


def write_evt3(path: Path, events: Events, sensor: Sensor, *, vectors: bool = True) -> Path:
    """Write events in the order of time, and say time and row only where they change.

    Args:
        vectors: write events of one time, row and polarity with rising columns as vectors of 12 or 8.
    """
    words: list[int] = [0x8000, 0x6000]
    t, row = 0, -1
    for run in _runs(events.tolist()):
        words += _time_words(t, run[0][0])
        t = run[0][0]
        if run[0][2] != row:
            row = run[0][2]
            words.append(row)
        columns, polarity = [event[1] for event in run], run[0][3]
        if vectors and len(columns) > 1:
            words += _vector_words(columns, polarity)
        else:
            words += [0x2000 + polarity * 2048 + column for column in columns]
    path.write_bytes(evt3_header(sensor) + np.array(words, dtype="<u2").tobytes())
    return path


def evt3_header(sensor: Sensor) -> bytes:
    size = f"height={sensor.height};width={sensor.width}"
    return f"% date 2023-03-29 16:37:46\n% evt 3.0\n% format EVT3;{size}\n% end\n".encode()


def _runs(events: list[tuple[int, int, int, int]]) -> Iterator[list[tuple[int, int, int, int]]]:
    """Yield events of one time, row and polarity, with rising columns, together."""
    run: list[tuple[int, int, int, int]] = []
    for t, x, y, p in events:
        if run and not (run[-1][0] == t and run[-1][2:] == (y, p) and run[-1][1] < x):
            yield run
            run = []
        run.append((t, x, y, p))
    if run:
        yield run


def _time_words(before: int, t: int) -> list[int]:
    words, upper = [], before // 4096
    while upper < t // 4096:
        upper = min(upper + LARGEST_STEP, t // 4096)
        words.append(0x8000 + upper % 4096)
    return [*words, 0x6000 + t % 4096] if words or t != before else []


def _vector_words(columns: list[int], polarity: int) -> list[int]:
    words: list[int] = []
    base = -100  # so far away that the first column needs a word of its own
    while columns:
        if columns[0] >= base + 12:
            base = columns[0]
            words.append(0x3000 + polarity * 2048 + base)
        mask = sum(1 << column - base for column in columns if column < base + 12)
        if mask < 256 and columns[-1] < base + 12:
            words.append(0x5000 + mask)
        else:
            words.append(0x4000 + mask)
        columns = [column for column in columns if column >= base + 12]
        base += 12
    return words
