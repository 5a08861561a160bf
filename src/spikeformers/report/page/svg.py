"""Figures inside the page: SVG whose ink, grid and data colours follow the page, in light and dark mode."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from matplotlib.figure import Figure

from spikeformers.report.page.html import Markup
from spikeformers.report.style import COLOURS, GRID, INK, PAPER, QUIET, style

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
THEMED = {
    INK: "var(--ink)",
    PAPER: "var(--paper)",
    QUIET: "var(--quiet)",
    GRID: "var(--grid)",
    **{each: f"var(--c{index})" for index, each in enumerate(COLOURS)},
}
_COLOUR = re.compile("|".join(THEMED), re.IGNORECASE)
_URL = re.compile(r"url\(#([^)]+)\)")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FONT = re.compile(r"font-family:[^;]*;? ?")

ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", XLINK)


def inline(figure: Figure, key: str, title: str, description: str) -> Markup:
    """A figure as an SVG element for the page.

    Args:
        figure: in the house style; other colours than the house's stay as they are in both modes.
        key: unique on the page; every id in the SVG begins with it.
        title, description: for those who do not see it.
    """
    root = ElementTree.fromstring(_drawn(figure))
    width = float(root.get("viewBox", "0 0 0 0").split()[2])
    for child in list(root):
        if child.tag == f"{{{SVG}}}metadata" or child.find(f"{{{SVG}}}style") is not None:
            root.remove(child)
    _rename(root, key)
    for element in root.iter():
        _lighten(element)
    _describe(root, key, title, description)
    for word in ("width", "height", "version"):
        root.attrib.pop(word, None)
    root.set("style", f"--width: {round(width * 96 / 72)}px")
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _drawn(figure: Figure) -> str:
    file = io.StringIO()
    with style():
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _rename(root: ElementTree.Element, key: str) -> None:
    """Give what is referred to an id of this figure alone; forget the ids of everything else."""
    used = {element.get(HREF, "")[1:] for element in root.iter() if element.get(HREF, "").startswith("#")}
    for element in root.iter():
        used.update(name for value in element.attrib.values() for name in _URL.findall(value))
    new = {name: f"{key}-{index}" for index, name in enumerate(sorted(used))}
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in new:
            element.set("id", new[old])
        if element.get(HREF, "").startswith("#"):
            element.set(HREF, f"#{new[element.get(HREF, '')[1:]]}")
        for word, value in element.attrib.items():
            element.set(word, _URL.sub(lambda match: f"url(#{new[match[1]]})", value))


def _lighten(element: ElementTree.Element) -> None:
    """Leave colours and letters to the page, and digits that nobody sees away."""
    for word in ("d", "x", "y", "transform", "points"):
        if word in element.attrib:
            element.set(word, _NUMBER.sub(lambda match: f"{float(match[0]):.2f}", element.attrib[word]).strip())
    look = element.get("style")
    if look is not None:
        element.set("style", _COLOUR.sub(lambda match: THEMED[match[0].upper()], _FONT.sub("", look)))
    if element.text is not None and not element.text.strip():
        element.text = None
    if element.tail is not None and not element.tail.strip():
        element.tail = None


def _describe(root: ElementTree.Element, key: str, title: str, description: str) -> None:
    parts = [("title", title), ("desc", description)]
    for index, (word, content) in enumerate(parts):
        element = ElementTree.Element(f"{{{SVG}}}{word}", {"id": f"{key}-{word}"})
        element.text = content
        root.insert(index, element)
    root.set("role", "img")
    root.set("aria-labelledby", " ".join(f"{key}-{word}" for word, _ in parts))
