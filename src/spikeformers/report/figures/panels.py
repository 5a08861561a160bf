"""What figures of many layers share: names that fit, a title with a note under the drawing, panels in rows."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from spikeformers.report.style import QUIET

WIDTH = 10.2  # inches, of a figure as wide as a page
Item = TypeVar("Item")


def folded(name: str, width: int) -> str:
    """A dotted name in two lines where it is longer than `width` letters: up to its last block, and the rest."""
    head, number, rest = re.match(r"(?:(.*\.)?(\d+)\.)?(.*)", name).groups("")  # type: ignore[union-attr]
    return name if len(name) <= width or not number else f"{head}{number}.\n{rest}"


def entitle(figure: FigureBase, title: str, note: str, width: float) -> None:
    """Put a title above a figure of this width and a note in small letters below it."""
    figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
    lines = textwrap.fill(note, round(15 * width), break_long_words=False)
    figure.supxlabel(lines, fontsize=8, color=QUIET, x=0.01, ha="left")


def lines_of(note: str, width: float) -> int:
    """How many lines a note takes."""
    return len(textwrap.wrap(note, round(15 * width), break_long_words=False))


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly spaced, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(index * (len(items) - 1) / max(most - 1, 1))] for index in range(most)]


def in_rows(figure: FigureBase, items: Sequence[Item], columns: int) -> Iterator[tuple[Axes, Item, int, bool]]:
    """Panels in reading order: axes, what goes there, its column, and whether nothing lies below it."""
    rows = max(1, math.ceil(len(items) / columns))
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells[len(items) :]:
        axes.axis("off")
    for index, (axes, item) in enumerate(zip(cells, items, strict=False)):
        yield axes, item, index % columns, index + columns >= len(items)
