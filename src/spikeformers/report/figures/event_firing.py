"""A recording beside the firing of a network that looks at it, time step by time step: as a strip and in motion."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, FigureBase
from matplotlib.image import AxesImage
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image

from spikeformers.report.figures.event_frames import STEPS, Frames, event_pictures, show_picture
from spikeformers.report.figures.panels import WIDTH, entitle, evenly, folded, lines_of
from spikeformers.report.style import DENSITY, PAPER, QUIET, picture
from spikeformers.report.text import layer_label

if TYPE_CHECKING:
    from spikeformers.measure import FiringMap

LAYERS = 8  # of a network that has more, evenly spaced
LETTERS = 20
MOTION = "Events of the time step: blue where it became brighter, orange where darker. "
MAPS = "Layers: the stronger a place, the more of their channels fire there in that time step. "
SLOW, FAST, WHOLE, PAUSE = 600, 100, 6000, 1400  # milliseconds: of a time step, of all of them, and of the last one
DOTS, COLOURS_IN_ALL = 96, 64  # of the moving picture: dots per inch, and colours, which keep it small


def firing_strip(frames: Frames, maps: Sequence[FiringMap], on: str = "") -> Figure:
    """A column for each time step: the events above, the firing of the layers below.

    Args:
        frames: one recording as the network got it, [T, C, H, W].
        maps: of the network's layers while it looked at it. Layers without places are left out.
        on: what the recording is, in words.
    """
    shown, known = _chosen(maps)
    steps = evenly(range(len(frames)), STEPS)
    top = _highest(shown)
    note = f"First row: the events of each time step. {MAPS}{_rest(shown, known, on)}"
    width = max(5.6, min(WIDTH, 2.6 + 0.85 * len(steps)))
    side = (width - 2.6) / len(steps)

    def draw(figure: FigureBase) -> None:
        entitle(figure, "A recording, and where the layers fire", note, width)
        cells = figure.subplots(1 + len(shown), len(steps), squeeze=False)
        for axes, step in zip(cells[0], steps, strict=True):
            show_picture(axes, event_pictures(frames)[step])
            axes.set_title(f"step {step + 1}", fontsize=7.5, fontweight="normal", loc="center", pad=4)
        _name(cells[0, 0], "events")
        for row, each in zip(cells[1:], shown, strict=True):
            for axes, step in zip(row, steps, strict=True):
                _map(axes, each, step, top)
            _name(row[0], folded(layer_label(each.name, each.call), LETTERS))
        _scale(figure, cells.ravel().tolist(), top)

    rows = 1 + len(shown)
    shape = frames.shape[2] / frames.shape[3]
    return picture(width, 0.8 + side * shape * rows + 0.14 * lines_of(note, width), draw)


def firing_film(frames: Frames, maps: Sequence[FiringMap] = (), on: str = "") -> bytes:
    """The same in motion, a time step after the other, as a GIF: the events on the left, the layers on the right.

    Args:
        frames, maps, on: as of `firing_strip`; without maps it shows the events alone.
    """
    shown, known = _chosen(maps)
    pictures = event_pictures(frames)
    top = _highest(shown)
    columns = math.ceil(len(shown) / 2)
    note = f"{MOTION}{MAPS if shown else ''}{_rest(shown, known, on)}".strip()
    width = 3.4 + 1.35 * columns + (0.5 if shown else 0)
    moving: list[AxesImage] = []
    titles: list[Text] = []

    def draw(figure: FigureBase) -> None:
        entitle(figure, "", note, width)
        titles.append(figure.suptitle(" ", fontsize=11, fontweight="bold", x=0.01, ha="left"))
        grid = figure.add_gridspec(2, 2 + columns, width_ratios=[1.2, 1.2, *[1] * columns])
        left = figure.add_subplot(grid[:, :2])
        show_picture(left, pictures[0])
        moving.append(left.images[0])
        panels = [figure.add_subplot(grid[place // columns, 2 + place % columns]) for place in range(len(shown))]
        for axes, each in zip(panels, shown, strict=True):
            moving.append(_map(axes, each, 0, top))
            name = folded(layer_label(each.name, each.call), LETTERS)
            axes.set_title(name, fontsize=6.5, fontweight="normal", loc="center", pad=3)
        if panels:
            _scale(figure, panels, top)

    figure = picture(width, 3.5 + 0.14 * lines_of(note, width), draw)
    contents = [pictures.transpose(0, 2, 3, 1), *(each.rate for each in shown)]
    return _gif(list(_played(figure, titles[0], moving, contents)))


def _chosen(maps: Sequence[FiringMap]) -> tuple[list[FiringMap], int]:
    """The layers that are drawn, and how many could be."""
    placed = [each for each in maps if each.rate[0].size > 1]
    return evenly(placed, LAYERS), len(placed)


def _highest(maps: Sequence[FiringMap]) -> float:
    return max((float(each.rate.max()) for each in maps), default=0.0) or 1.0


def _map(axes: Axes, each: FiringMap, step: int, top: float) -> AxesImage:
    image = axes.imshow(_at(each.rate, step), cmap=DENSITY, vmin=0, vmax=top)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=QUIET, linewidth=0.5)
    return image


def _at(content: np.ndarray, step: int) -> np.ndarray:
    """What is there at a time step; a layer that runs once shows the same at all of them."""
    shown: np.ndarray = content[min(step, len(content) - 1)]
    return shown


def _name(axes: Axes, name: str) -> None:
    axes.set_ylabel(name, fontsize=7.5, rotation=0, ha="right", va="center")


def _scale(figure: FigureBase, cells: list[Axes], top: float) -> None:
    bar = figure.colorbar(ScalarMappable(Normalize(0, top), DENSITY), ax=cells, fraction=0.03, pad=0.02, shrink=0.7)
    bar.set_label("spikes per channel", fontsize=7.5)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)


def _rest(shown: Sequence[FiringMap], known: int, on: str) -> str:
    words = f"{len(shown)} of {known} layers, evenly spaced. " if len(shown) < known else ""
    return f"{words}Input: {on}." if on else words.strip()


def _played(
    figure: Figure, title: Text, moving: Sequence[AxesImage], contents: Sequence[np.ndarray]
) -> Iterator[Image.Image]:
    """The figure at every time step."""
    figure.set_facecolor(PAPER)
    figure.set_dpi(DOTS)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out anew for each picture, the panels would tremble
    canvas: Any = figure.canvas
    total = len(contents[0])
    for step in range(total):
        for image, content in zip(moving, contents, strict=True):
            image.set_data(_at(content, step))
        title.set_text(f"Time step {step + 1} of {total}")
        canvas.draw()
        yield Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _gif(pictures: Sequence[Image.Image]) -> bytes:
    """A GIF that repeats; one palette for all pictures, so that a colour means the same throughout."""
    places = np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
    codes = np.stack([np.asarray(each).astype(np.int32) @ places for each in pictures])
    known, where = np.unique(codes, return_inverse=True)
    colours = np.stack([known >> 16, known >> 8 & 255, known & 255], axis=1)  # [K, 3]
    palette = _palette(pictures)
    # Pillow would look up colours in steps of 8, so that white paper would become grey.
    nearest = ((colours[:, None] - palette) ** 2).sum(2).argmin(1).astype(np.uint8)
    few = [Image.fromarray(each) for each in nearest[where].reshape(codes.shape)]
    for each in few:
        each.putpalette(palette.astype(np.uint8).tobytes())
    file = io.BytesIO()
    each_step = max(FAST, min(SLOW, WHOLE // len(few)))
    durations = [each_step] * (len(few) - 1) + [PAUSE]
    few[0].save(file, format="GIF", save_all=True, append_images=few[1:], duration=durations, loop=0, disposal=1)
    return file.getvalue()


def _palette(pictures: Sequence[Image.Image]) -> NDArray[np.int64]:
    """Colours that stand for all those of some pictures, that of the paper (a corner) exactly: [K, 3]."""
    whole = Image.fromarray(np.concatenate([np.asarray(each) for each in pictures]))
    few = whole.quantize(COLOURS_IN_ALL - 1, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    paper = np.asarray(whole)[0, :1].astype(np.int64)
    return np.concatenate([paper, np.array(few.getpalette()).reshape(-1, 3)])
