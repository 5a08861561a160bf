"""Attention over the input: which parts of a picture the attentions of a model attend to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgb, to_rgba
from matplotlib.figure import Figure, FigureBase

from spikeformers.report.figures.panels import WIDTH, entitle, evenly, folded, lines_of
from spikeformers.report.style import COLOURS, QUIET, picture
from spikeformers.report.text import layer_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeformers.measure import AttentionMap

MOST = 8  # attentions side by side; of one image more may stand below each other
STEPS = 10  # time steps, evenly spaced where there are more
LETTERS = 18
PALE = 0.4  # of the picture's contrast is left under the attention
STRONG = 0.85  # opacity of the most attention: the picture below stays visible
OVERLAY = LinearSegmentedColormap.from_list("overlay", [to_rgba(COLOURS[1], 0.0), to_rgba(COLOURS[1], STRONG)])
# What that looks like on white: pictures stay light on a dark page.
_STRONGEST = [1 - STRONG * (1 - part) for part in to_rgb(COLOURS[1])]
LEGEND = LinearSegmentedColormap.from_list("legend", [(1, 1, 1), _STRONGEST], N=48)
COMPETING = {
    "space": "all positions",
    "time": "the time steps of a place",
    "space and time": "all positions and time steps",
}


def attention_over_inputs(images: NDArray[np.uint8], maps: Sequence[AttentionMap], on: str = "") -> Figure:
    """A row for each input: the picture, and over it the attention each position receives, all time steps together.

    Args:
        images: uint8 [B, C, H, W], the inputs as they look.
        maps: of the same inputs. Those over time alone are left out: their places do not compete.
        on: what the inputs are, in words.
    """
    known = [each for each in maps if each.over != "time"]
    shown = evenly(known, MOST)
    titles = [folded(layer_label(each.name, each.call), LETTERS) for each in shown]
    panels = [_together(each) for each in shown]  # each [B, H, W]
    note = _note(shown, len(known), len(maps), on, together=True)
    width = min(WIDTH, 2.2 + 1.35 * (len(shown) + 1))

    def draw(figure: FigureBase) -> None:
        entitle(figure, "Where attention goes", note, width)
        cells = figure.subplots(len(images), len(shown) + 1, squeeze=False)
        top = _top(panels)
        for row, image in enumerate(images):
            _image(cells[row, 0], image)
            for axes, values in zip(cells[row, 1:], panels, strict=True):
                _over(axes, image, values[row], top)
        for axes, title in zip(cells[0], ["input", *titles], strict=True):
            axes.set_title(title, fontsize=7.5, fontweight="normal", loc="center", pad=4)
        _scale(figure, cells, top)

    side = (width - 1.2) / (len(shown) + 1)
    return picture(width, 0.8 + side * _shape(images) * len(images) + 0.14 * lines_of(note, width), draw)


def attention_by_step(
    image: NDArray[np.uint8],
    maps: Sequence[AttentionMap],
    sample: int = 0,
    on: str = "",
    *,
    steps_seen: NDArray[np.uint8] | None = None,
) -> Figure:
    """A row for each attention, a column for each time step, over one input.

    Args:
        image: uint8 [C, H, W].
        maps: of inputs among which it is.
        sample: its place among them.
        on: what the input is, in words.
        steps_seen: uint8 [T, C, H, W], what is seen at each time step, where that differs; None: the image.
    """
    shown = evenly(maps, MOST)
    panels = [each.relative()[sample] for each in shown]  # each [T, H, W]
    steps = evenly(range(len(panels[0]) if panels else 1), STEPS)  # all attentions see the same time steps
    note = _note(shown, len(maps), len(maps), on, together=False)
    width = min(WIDTH, 2.6 + 1.3 * (len(steps) + 1))

    def draw(figure: FigureBase) -> None:
        entitle(figure, "Where attention goes, time step by time step", note, width)
        cells = figure.subplots(max(1, len(shown)), len(steps) + 1, squeeze=False)
        top = _top(panels)
        for row, (each, values) in enumerate(zip(shown, panels, strict=True)):
            _image(cells[row, 0], image)
            name = folded(layer_label(each.name, each.call), LETTERS)
            cells[row, 0].set_ylabel(name, fontsize=7.5, rotation=0, ha="right", va="center")
            for axes, step in zip(cells[row, 1:], steps, strict=True):
                _over(axes, image if steps_seen is None else steps_seen[step], values[step], top)
        for axes, title in zip(cells[0], ["input", *(f"step {step + 1}" for step in steps)], strict=True):
            axes.set_title(title, fontsize=7.5, fontweight="normal", loc="center")
        _scale(figure, cells, top)

    side = (width - 2.2) / (len(steps) + 1)
    return picture(width, 0.8 + side * _shape(image[None]) * len(shown) + 0.14 * lines_of(note, width), draw)


def _together(each: AttentionMap) -> NDArray[np.float64]:
    """All time steps of a map, over the mean of all positions: [B, H, W]."""
    total = each.values.sum(1)
    mean = np.abs(total).mean((1, 2), keepdims=True)
    together: NDArray[np.float64] = np.divide(total, mean, out=np.zeros_like(total), where=mean > 0)
    return together


def _top(panels: Sequence[NDArray[np.float64]]) -> float:
    """Where the scale ends: all but the highest hundredth lie below, and twice the mean at least."""
    values = np.concatenate([panel.ravel() for panel in panels]) if panels else np.zeros(1)
    return max(2.0, float(np.ceil(np.quantile(values, 0.99))))


def _image(axes: Axes, image: NDArray[np.uint8]) -> None:
    _frame(axes)
    if len(image) == 3:
        axes.imshow(image.transpose(1, 2, 0))
    else:  # ink on paper, as in all pictures of the house
        axes.imshow(image.mean(0), cmap="gray_r", vmin=0, vmax=255)


def _over(axes: Axes, image: NDArray[np.uint8], values: NDArray[np.float64], top: float) -> None:
    _frame(axes)
    height, width = image.shape[1:]
    # Pale, so that the colour above it means the same everywhere.
    grey = image.mean(0) if len(image) == 3 else 255 - image.mean(0)
    axes.imshow(255 - PALE * (255 - grey), cmap="gray", vmin=0, vmax=255)
    axes.imshow(values, cmap=OVERLAY, vmin=0, vmax=top, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    if not values.any():
        axes.set_xlabel("nothing", fontsize=7, color=QUIET, labelpad=1)


def _frame(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=QUIET, linewidth=0.5)


def _scale(figure: FigureBase, cells: NDArray[np.object_], top: float) -> None:
    scale = ScalarMappable(Normalize(0, top), LEGEND)
    bar = figure.colorbar(scale, ax=cells.ravel().tolist(), fraction=0.025, pad=0.01, extend="max", shrink=0.8)
    bar.set_label("times the mean", fontsize=8)
    bar.ax.tick_params(labelsize=8)


def _shape(images: NDArray[np.uint8]) -> float:
    return float(images.shape[-2] / images.shape[-1])


def _note(shown: Sequence[AttentionMap], known: int, given: int, on: str, *, together: bool) -> str:
    meanings = dict.fromkeys((each.over, each.meaning) for each in shown)
    words = [f"Orange{f', over {over}' if len(meanings) > 1 else ''}: {meaning}" for over, meaning in meanings]
    means = dict.fromkeys("all positions" if together else COMPETING[each.over] for each in shown)
    lines = [*words, f"1 on the scale is the mean over {', or over '.join(means)}"]
    lines.append("All time steps together" if together else "")
    if len(shown) < known:
        lines.append(f"{len(shown)} of {known} attentions, evenly spaced")
    if known < given:
        lines.append(f"Left out: {given - known} over time alone, where places do not compete")
    lines.append(f"Inputs: {on}" if on else "")
    return ". ".join(line for line in lines if line) + "."
