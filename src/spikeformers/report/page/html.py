"""HTML from Python: `tag` builds elements, and whatever is not HTML already is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TypeAlias

VOID = ("meta", "br", "wbr", "img")


class Markup(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


Content: TypeAlias = "str | int | Iterable[Content] | None"


def text(content: Content) -> Markup:
    """What stands between two tags: text escaped, `Markup` as it is, None nothing, lists one part after another."""
    if content is None:
        return Markup()
    if isinstance(content, Markup):
        return content
    if isinstance(content, str | int):
        return Markup(html.escape(str(content)))
    return Markup("".join(text(part) for part in content))


def tag(name: str, /, *content: Content, **attributes: str | bool | int | None) -> Markup:
    """An element.

    Args:
        name: such as "p".
        content: see `text`.
        attributes: a trailing underscore is dropped and others become hyphens: class_, aria_label. True gives the bare
            word; None and False leave it out.

    >>> tag("p", "a < b", class_="lead")
    '<p class="lead">a &lt; b</p>'
    """
    opening = "".join((name, *(_attribute(word, value) for word, value in attributes.items())))
    if name in VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{text(content)}</{name}>")


def _attribute(word: str, value: str | bool | int | None) -> str:
    if value is None or value is False:
        return ""
    name = word.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
