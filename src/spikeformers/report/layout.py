"""The few shapes all terminal output is made of: tables, pairs of word and value, headings, lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def new_table(*headers: str) -> Table:
    """Return a table without vertical lines; a header that begins with ">" is aligned right."""
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for index, header in enumerate(headers):
        right = header.startswith(">")
        table.add_column(
            Text(header.removeprefix(">")),
            justify="right" if right else "left",
            no_wrap=right or index == 0,
            overflow="fold",
        )
    return table


def pairs(rows: Iterable[tuple[str, str]], style: str = "dim") -> RenderableType:
    """Return a line per word and its value; words without a value are left out."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=style, no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value:
            grid.add_row(Text(name), Text(value))
    return Padding(grid, (0, 0, 0, 2), expand=False)


def heading(title: str) -> RenderableType:
    """Return the title of a part, an empty line above it."""
    return Text(f"\n{title}", "bold")


def bullets(title: str, lines: Sequence[str]) -> list[RenderableType]:
    """Return the lines as a list under a title; nothing where there are none."""
    return [heading(title), pairs(("•", line) for line in lines)] if lines else []
