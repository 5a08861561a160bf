"""Spike rasters: what some neurons of every layer do over time while the model looks at one sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator

from spikeformers.report.figures.panels import WIDTH, entitle, evenly, folded, in_rows, lines_of
from spikeformers.report.style import COLOURS, GRID, QUIET, picture
from spikeformers.report.text import count, layer_label

if TYPE_CHECKING:
    from spikeformers.measure import Raster

COLUMNS, MOST = 6, 42
LETTERS = 22  # of a name that fit above a panel
HEIGHT = 1.05  # inches of a panel
POSITIVE, NEGATIVE = COLOURS[0], COLOURS[1]


def spike_rasters(rasters: Sequence[Raster], on: str = "") -> Figure:
    """One panel for each layer, a row for each chosen neuron, a dash for each time step at which it fires.

    Args:
        rasters: of one sample.
        on: what the sample is, in words.
    """
    shown = evenly(rasters, MOST)
    note = _note(shown, len(rasters), on)
    rows = max(1, math.ceil(len(shown) / COLUMNS))

    def draw(figure: FigureBase) -> None:
        entitle(figure, "Spikes of some neurons of every layer, for one input", note, WIDTH)
        for axes, raster, column, lowest in in_rows(figure, shown, COLUMNS):
            _panel(axes, raster)
            axes.tick_params(labelbottom=lowest)
            if lowest and column == 0:
                axes.set_xlabel("time step", fontsize=8)
            if column == 0:
                axes.set_ylabel("neurons", fontsize=8)

    return picture(WIDTH, 0.8 + (HEIGHT + 0.45) * rows + 0.14 * lines_of(note, WIDTH), draw)


def _panel(axes: Axes, raster: Raster) -> None:
    steps, neurons = raster.spikes.shape
    times, places = np.nonzero(raster.spikes)
    sizes = raster.spikes[times, places]
    strength = np.abs(sizes) / (np.abs(raster.spikes).max(initial=0) or 1)
    colours = [
        to_rgba(POSITIVE if size > 0 else NEGATIVE, 0.3 + 0.7 * float(part))
        for size, part in zip(sizes, strength, strict=True)
    ]
    dashes = [[(t + 0.56, n), (t + 1.44, n)] for t, n in zip(times.tolist(), places.tolist(), strict=True)]
    thickness = min(3.0, 0.75 * 72 * HEIGHT / neurons)
    axes.add_collection(LineCollection(dashes, colors=colours, linewidths=thickness, capstyle="butt"))
    axes.vlines(np.arange(1, steps) + 0.5, -0.5, neurons - 0.5, colors=GRID, linewidths=0.6, zorder=0)
    axes.set(xlim=(0.5, steps + 0.5), ylim=(neurons - 0.5, -0.5), yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(min(steps, 6), integer=True, min_n_ticks=1))
    axes.tick_params(labelsize=7.5)
    axes.grid(visible=False)
    axes.set_title(folded(layer_label(raster.name, raster.call), LETTERS), fontsize=7, fontweight="normal", pad=3)
    share = np.count_nonzero(raster.spikes) / raster.spikes.size
    axes.set_title(f"{100 * share:.0f} %", loc="right", fontsize=7, fontweight="normal", color=QUIET, pad=3)


def _note(shown: Sequence[Raster], known: int, on: str) -> str:
    fewest, most = (bound(raster.spikes.shape[1] for raster in shown) for bound in (min, max)) if shown else (0, 0)
    many = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    words = f"A row is a neuron, a dash a time step at which it fires; {many} neurons of a layer, drawn at random. "
    words += "Percent: the share of their time steps with a spike. "
    if any(raster.values.startswith("integer") for raster in shown):
        words += "The stronger a dash, the more spikes it stands for. "
    if any(raster.values.startswith("ternary") for raster in shown):
        words += "Blue spikes are positive, orange ones negative. "
    if any(raster.values == "real" for raster in shown):
        words += "Layers with real outputs have no spikes: theirs are drawn where they are not zero. "
    if len(shown) < known:
        words += f"{len(shown)} of {count(known)} layers, evenly spaced. "
    return f"{words}Input: {on}." if on else words.strip()
