"""The few shapes all terminal output is made of: tables, pairs of word and value, headings, lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
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


class NarrowingTable:
    """A table that leaves out columns, the dispensable ones one by one, until a narrow terminal can hold it.

    Args:
        headers: as `new_table` takes them.
        rows: cells for all of them.
        dispensable: headers, the first to go first.
    """

    _UNBOUND, _AIR = 10_000, 24  # letters; of the second so many more than its longest words a table should have

    def __init__(
        self, headers: Sequence[str], rows: Iterable[Sequence[RenderableType]], dispensable: Sequence[str]
    ) -> None:
        self._headers, self._rows, self._dispensable = headers, list(rows), dispensable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for hidden in range(len(self._dispensable) + 1):
            table = self._without(self._dispensable[:hidden])
            wanted = console.measure(table, options=options.update_width(self._UNBOUND))
            if min(wanted.maximum, wanted.minimum + self._AIR) <= options.max_width:
                break
        yield table

    def _without(self, hidden: Sequence[str]) -> Table:
        kept = [index for index, header in enumerate(self._headers) if header not in hidden]
        table = new_table(*(self._headers[index] for index in kept))
        for row in self._rows:
            table.add_row(*(row[index] for index in kept))
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
