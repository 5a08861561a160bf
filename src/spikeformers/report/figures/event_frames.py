"""Event frames, drawn: what each time step of a recording holds, brighter and darker in two colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, FigureBase
from numpy.typing import NDArray

from spikeformers.report.figures.panels import WIDTH, entitle, evenly, lines_of
from spikeformers.report.style import COLOURS, QUIET, picture
from spikeformers.report.text import short

ON, OFF = COLOURS[0], COLOURS[1]
FAINT = 0.3  # opacity of a single event beside many: it must still be seen
STEPS = 10  # columns, evenly spaced where there are more time steps
Frames = NDArray[np.float32]
"""`[T, C, H, W]`; of two channels the second one is brighter (ON), of any other number values above 0 are."""


def event_frames(
    recordings: Sequence[Frames], labels: Sequence[str] = (), *, spans: Sequence[str] = (), on: str = ""
) -> Figure:
    """A row for each recording, a column for each time step.

    Args:
        recordings: of the same shape, at least one.
        labels: of the rows; none of a single recording that needs no name.
        spans: of the time steps, written below the columns: "0 to 31 ms".
        on: what the recordings are, in words.
    """
    top = strongest(np.concatenate(recordings))
    steps = evenly(range(len(recordings[0])), STEPS)
    height, width_of_one = recordings[0].shape[-2:]
    note = _note(top, len(steps), len(recordings[0]), on)
    margin = 1.0 if any(labels) else 0.3
    width = max(4.6, min(WIDTH, margin + 1.25 * len(steps)))

    def draw(figure: FigureBase) -> None:
        entitle(figure, "Event frames", note, width)
        cells = figure.subplots(len(recordings), len(steps), squeeze=False)
        for row, frames in enumerate(recordings):
            pictures = event_pictures(frames, top)
            for axes, step in zip(cells[row], steps, strict=True):
                show_picture(axes, pictures[step])
            if row < len(labels):
                cells[row, 0].set_ylabel(labels[row], fontsize=8, rotation=0, ha="right", va="center")
        for column, step in enumerate(steps):
            cells[0, column].set_title(f"step {step + 1}", fontsize=7.5, fontweight="normal", loc="center", pad=4)
            if spans:
                cells[-1, column].set_xlabel(spans[step], fontsize=6.5, color=QUIET, labelpad=3)

    side = (width - margin) / len(steps) * height / width_of_one
    extra = 0.2 if spans else 0.0
    return picture(width, 0.75 + extra + side * len(recordings) + 0.14 * lines_of(note, width), draw)


def event_pictures(frames: Frames, top: float | None = None) -> NDArray[np.uint8]:
    """Colours of frames on white paper: more ink where more happened, both inks where both did, `[T, 3, H, W]`.

    Args:
        top: the number that is drawn at full strength; None: `strongest` of these.
    """
    top = strongest(frames) if top is None else top
    paper = np.ones((len(frames), 3, *frames.shape[2:]))
    for values, colour in zip(_brighter_and_darker(frames), (ON, OFF), strict=True):
        strength = FAINT + (1 - FAINT) * np.minimum(values / top, 1)
        opacity = np.where(values > 0, strength, 0)[:, None]
        paper *= 1 - opacity * (1 - np.array(to_rgb(colour)))[None, :, None, None]
    colours: NDArray[np.uint8] = (255 * paper).round().astype(np.uint8)
    return colours


def strongest(frames: Frames) -> float:
    """All but the highest hundredth of what is not zero lie at or below this number; 1 of empty frames."""
    values = np.abs(frames[frames != 0])
    return float(np.quantile(values, 0.99)) if len(values) else 1.0


def show_picture(axes: Axes, colours: NDArray[np.uint8]) -> None:
    """Put a picture, uint8 `[3, H, W]`, into a thin frame."""
    axes.imshow(colours.transpose(1, 2, 0))
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=QUIET, linewidth=0.5)


def _brighter_and_darker(frames: Frames) -> tuple[Frames, Frames]:
    """Both as numbers from 0 on, each `[T, H, W]`."""
    if frames.shape[1] == 2:
        return np.abs(frames[:, 1]), np.abs(frames[:, 0])
    together = frames.sum(1)
    return np.maximum(together, 0), np.maximum(-together, 0)


def _note(top: float, shown: int, known: int, on: str) -> str:
    words = "Blue: it became brighter (ON events); orange: darker (OFF); dark: both. "
    words += f"The stronger a colour, the more events; at full strength {short(top)} or more. "
    if shown < known:
        words += f"{shown} of {known} time steps, evenly spaced. "
    return f"{words}Input: {on}." if on else words.strip()
