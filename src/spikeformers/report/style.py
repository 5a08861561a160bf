"""One look for every picture: type sizes, light axes, and colours that colour-blind readers tell apart."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure, FigureBase

from spikeformers.errors import InputError
from spikeformers.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

# Okabe and Ito, "Color Universal Design" (2008); black and yellow left out: one is the text's, one too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
RIGHT, WRONG = COLOURS[0], COLOURS[1]
INK, PAPER = "#000000", "#FFFFFF"
QUIET = "#666666"
GRID = "#DDDDDD"
# From paper to the first colour by opacity, so that a map of numbers lies as well on dark paper as on white.
DENSITY = LinearSegmentedColormap.from_list("density", [to_rgba(COLOURS[0], 0.0), to_rgba(COLOURS[0], 1.0)])

_RC: dict[RcKeyType, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "text.parse_math": False,  # names of classes and runs are written as they are, dollar signs included
    "lines.linewidth": 1.8,
    "lines.markersize": 4,
    "svg.fonttype": "none",  # text stays text, also when the picture is read by a program
    "svg.hashsalt": "spikeformers",  # the same figure is the same file
}


def colour(index: int) -> str:
    """Return the colour of the index-th model of a picture; six differ, then they repeat."""
    return COLOURS[index % len(COLOURS)]


@contextmanager
def style() -> Iterator[None]:
    """Let pictures made in the block have the house's look, whatever the user's settings; nothing outside changes."""
    with matplotlib.style.context("default"), matplotlib.rc_context(_RC):
        yield


def picture(width: float, height: float, draw: Callable[[FigureBase], object]) -> Figure:
    """Return a figure of this size in inches on which `draw` has drawn, without touching pyplot's global state."""
    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
    return figure


def picture_kind(path: str | os.PathLike[str]) -> str:
    """Return the format that the ending of a file stands for; PNG where it has none.

    Raises:
        InputError: no picture can be written in that format.
    """
    kind = Path(path).suffix.removeprefix(".").lower() or "png"
    if kind not in FigureCanvasAgg.get_supported_filetypes():
        raise InputError(f"{path}: a picture cannot be a {kind!r}; name a file that ends in .png, .svg or .pdf.")
    return kind


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a picture; the ending of `path` (.png, .svg, .pdf) decides the format.

    Raises:
        InputError: no picture can be written in that format.
        OSError: the directory cannot be written or the disk is full; a former picture stays.
    """
    kind = picture_kind(path)
    # A date would make every picture another file.
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    with style(), atomic_write(path) as file:
        figure.savefig(file, format=kind, dpi=150, facecolor=PAPER, metadata=undated)


def as_percent(axes: Axes, axis: str) -> None:
    """Label one axis of `axes`, whose values are shares of one, in percent."""
    (axes.xaxis if axis == "x" else axes.yaxis).set_major_formatter(lambda share, _: f"{100 * share:g} %")
