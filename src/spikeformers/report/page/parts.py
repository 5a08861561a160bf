"""The few shapes the page is made of: figures, tables, tiles, lists, parts that open."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from matplotlib.figure import Figure

from spikeformers.report.audit import seen
from spikeformers.report.page.html import Content, Markup, tag
from spikeformers.report.page.svg import inline
from spikeformers.report.text import call_label

if TYPE_CHECKING:
    from spikeformers.measure import Audited, Count


NARROW = 7.0  # inches of a figure that leave room beside it


@dataclass(frozen=True, kw_only=True)
class Plate:
    """A figure of the page, also written beside it.

    Args:
        key: file name without its ending.
        figure: in the house style.
        title: what it is.
        caption: how to read it.
        film: the same in motion, as a GIF; None where it does not move.
    """

    key: str
    figure: Figure
    title: str
    caption: str
    film: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The part of the page about one model.

    Args:
        prefix: makes names unique on the page.
        level: of the headings of its sections.
        plates: placed so far.
    """

    prefix: str
    level: int = 2
    plates: list[Plate] = field(default_factory=list)

    def id(self, word: str) -> str:
        """An anchor of this model's own."""
        return f"{self.prefix}-{word}" if self.prefix else word

    def heading(self, title: Content) -> Markup:
        """A heading inside a section."""
        return tag(f"h{self.level + 1}", title, class_="sub")

    def place(
        self,
        key: str,
        figure: Figure,
        *,
        title: str,
        caption: str,
        description: str,
        beside: bool = False,
        film: bytes | None = None,
    ) -> Markup:
        """Put a figure here.

        Args:
            key: unique for this model; also the name of its files.
            figure: in the house style.
            title: what it is.
            caption: how to read it: axes, units, what a mark means.
            description: what it shows, for those who do not see it.
            beside: put the caption on its right if the figure leaves room there.
            film: the same in motion, as a GIF: shown instead, but not on paper nor to those who want less motion.
        """
        self.plates.append(Plate(key=self.id(key), figure=figure, title=title, caption=caption, film=film))
        drawing = inline(figure, f"fig-{self.id(key)}", title, description)
        if film is not None:
            moving = f"data:image/gif;base64,{b64encode(film).decode()}"
            drawing = tag("div", tag("img", src=moving, alt=f"{title}. {description}"), drawing, class_="film")
        frame = tag("div", drawing, class_="scroll", tabindex=0, role="group", aria_label=f"Figure: {title}")
        look = "beside" if beside and figure.get_figwidth() < NARROW else None
        return tag("figure", frame, tag("figcaption", caption), class_=look, id=self.id(f"figure-{key}"))


@dataclass(frozen=True)
class Cell:
    """A figure of a table and the number to sort it by."""

    text: Content
    value: float


Row: TypeAlias = "Sequence[Content | Cell]"


def table(headers: Sequence[str], rows: Iterable[Row], *, caption: str = "", stack: bool = False) -> Markup:
    """A table.

    Args:
        headers: one that begins with ">" is over numbers.
        rows: their first cell names them.
        caption: above it.
        stack: on a phone, write the cells of a row below each other; for tables of a few long rows.
    """
    heads = [(header.removeprefix(">"), "number" if header.startswith(">") else None) for header in headers]
    head = [tag("th", word, scope="col", class_=look) for word, look in heads]
    body = [tag("tr", [_cell(cell, *heads[index], first=index == 0) for index, cell in enumerate(row)]) for row in rows]
    parts = (tag("caption", caption) if caption else None, tag("thead", tag("tr", head)), tag("tbody", body))
    inner = tag("table", parts, class_="stack" if stack else None)
    return tag("div", inner, class_="scroll", tabindex=0, role="group", aria_label=caption or "Table")


def _cell(cell: Content | Cell, word: str, look: str | None, *, first: bool) -> Markup:
    content, value = (cell.text, f"{cell.value:.12g}") if isinstance(cell, Cell) else (cell, None)
    if first:
        return tag("th", content, scope="row", class_=look, data_value=value)
    return tag("td", content, class_=look, data_value=value, data_label=word or None)


def share_bar(share: float) -> Markup:
    """A bar as long as a share of one, for a cell of a table."""
    width = f"{100 * max(0.0, min(1.0, share)):.1f}%"
    return tag("span", tag("span", style=f"width: {width}"), class_="bar", aria_hidden="true")


def tile(label: Content, value: Content, *notes: Content, kind: str = "") -> Markup:
    """A big figure: what it is above, what it rests on below."""
    lines = [tag("dd", note, class_="note") for note in notes if note]
    return tag("div", tag("dt", label), tag("dd", value, class_="value"), lines, class_=f"tile {kind}".strip())


def tiles(*each: Markup, kind: str = "") -> Markup:
    """Big figures side by side."""
    return tag("dl", each, class_=f"tiles {kind}".strip())


def paragraph(*content: Content) -> Markup:
    """A paragraph."""
    return tag("p", content)


def bullets(lines: Iterable[Content]) -> Markup:
    """A list."""
    return tag("ul", [tag("li", line) for line in lines])


def details(summary: Content, *content: Content) -> Markup:
    """A part that opens."""
    return tag("details", tag("summary", summary), tag("div", content, class_="inside"))


def code(name: str) -> Markup:
    """A name from the model or the command line; it may break behind its dots."""
    head, *rest = name.split(".")
    return tag("code", head, [[".", tag("wbr"), part] for part in rest])


def call_of(name: str, call: int) -> Content:
    """A module; later calls of it are numbered."""
    return [code(name), call_label("", call)]


def operands(row: Count | Audited) -> str:
    """What the operands of an operation held."""
    return " × ".join(seen([each]) for each in row.seen)


def breakable(name: str) -> Content:
    """A name that may break behind its dots and underscores."""
    return [[part, tag("wbr")] for part in re.findall(r"[^._]*[._]?", name)]


def columns(*content: Content) -> Markup:
    """Side by side where there is room."""
    return tag("div", content, class_="columns")
