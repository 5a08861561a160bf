"""Which words go with which family, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from string import ascii_lowercase
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.layout import heading, new_table, pairs
from spikeformers.report.text import word_value

if TYPE_CHECKING:
    from spikeformers.models.compatibility import Cell

STREAMS, AT_ONCE = "●", "○"


def compatibility_table(cells: Sequence[Cell]) -> RenderableType:
    """A table for each word, a row for each value, a column for each family, and the reasons of what is refused."""
    families = list(dict.fromkeys((cell.family, cell.model) for cell in cells))
    reasons = {reason: _letter(i) for i, reason in enumerate(dict.fromkeys(_refusals(cells)))}
    parts: list[RenderableType] = [
        Text("Every family with every word, built small and run just now.", "bold"),
        pairs(
            [
                (STREAMS, "runs, also one time step at a time"),
                (AT_ONCE, "runs, with all time steps in one call"),
                ("a b …", "refused; the reason is below the tables"),
            ]
        ),
        heading("Families, and the model that was made small"),
        pairs([(str(number), f"{family} ({model})") for number, (family, model) in enumerate(families, 1)]),
    ]
    for word, group in groupby(cells, key=lambda cell: cell.word):
        parts += [Text(), _word_table(word, list(group), len(families), reasons)]
    if reasons:
        parts += [heading("Refused"), pairs([(letter, reason) for reason, letter in reasons.items()])]
    return Group(*parts)


def _word_table(word: str, cells: Sequence[Cell], families: int, reasons: dict[str, str]) -> RenderableType:
    table = new_table(word, *(f">{number}" for number in range(1, families + 1)))
    for value, row in groupby(cells, key=lambda cell: cell.value):
        marks = {"streams": STREAMS, "all at once": AT_ONCE}
        table.add_row(
            Text(word_value(value), "cyan"), *(marks.get(cell.verdict) or reasons[cell.reason] for cell in row)
        )
    return table


def _refusals(cells: Sequence[Cell]) -> list[str]:
    return [cell.reason for cell in cells if cell.verdict == "refused"]


def _letter(index: int) -> str:
    """From a to z, then aa, ab, ..."""
    before, last = divmod(index, len(ascii_lowercase))
    return (ascii_lowercase[before - 1] if before else "") + ascii_lowercase[last]
