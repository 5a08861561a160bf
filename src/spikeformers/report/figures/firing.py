"""Firing, drawn: rates by layer and time step, rates of channels, and neurons that never or always fire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator

from spikeformers.report.figures.panels import WIDTH, entitle, lines_of
from spikeformers.report.style import COLOURS, DENSITY, GRID, INK, QUIET, as_percent, picture
from spikeformers.report.text import count, layer_label

if TYPE_CHECKING:
    from spikeformers.measure import FiringStatistics, LayerFiring

TALL, STEPS = 45, 12  # rows of a panel before there are two; columns whose cells hold a number
ROW, FEWEST = 0.185, 5  # inches of a row; rows that a panel has room for at least
DEAD, SATURATED = COLOURS[1], COLOURS[5]


def firing_heat_map(statistics: FiringStatistics, on: str = "") -> Figure:
    """Firing rate of every layer at every time step: a row for each layer, in order of execution, and their mean.

    Args:
        statistics: of a data set.
        on: what it was measured on, in words; "" says how many samples.
    """
    note = f"{_unit(statistics)} A row is a layer, in order of execution. Measured on {_on(statistics, on)}."
    panels = _panels(statistics.layers)
    rows = max(FEWEST, *map(len, panels))
    highest = max((max(layer.rate_by_step) for layer in statistics.layers), default=0.0) or 1.0
    width = WIDTH if len(panels) > 1 else 6.6

    def draw(figure: FigureBase) -> None:
        entitle(figure, "Firing rate by layer and time step", note, width)
        cells = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, layers in zip(cells, panels, strict=True):
            _heat(axes, layers, rows, highest, whole=not statistics.graded)
        scale = ScalarMappable(Normalize(0, highest), DENSITY)
        bar = figure.colorbar(scale, ax=list(cells), fraction=0.03, pad=0.01, aspect=30, shrink=min(1.0, 12 / rows))
        bar.locator = MaxNLocator(6, steps=[1, 2, 5, 10])
        bar.ax.tick_params(labelsize=8)
        bar.outline.set_visible(False)
        if not statistics.graded:
            as_percent(bar.ax, "y")

    return picture(width, 1.0 + ROW * rows + 0.14 * lines_of(note, width), draw)


def neuron_states(statistics: FiringStatistics, on: str = "") -> Figure:
    """Share of every layer's neurons that never fired, and of those that fired at every time step of every sample."""
    note = (
        "A neuron is a channel at a position. Numbers are the neurons that never fired, of all in the layer. On other "
        f"samples they may fire; measured on {_on(statistics, on)}."
    )
    panels = _panels(statistics.layers)
    rows = max(FEWEST, *map(len, panels))
    width = WIDTH if len(panels) > 1 else 6.6

    def draw(figure: FigureBase) -> None:
        entitle(figure, "Neurons that never fire, and neurons that always fire", note, width)
        cells = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, layers in zip(cells, panels, strict=True):
            _states(axes, layers, rows)
        cells[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, borderaxespad=0.2)

    return picture(width, 1.25 + ROW * rows + 0.14 * lines_of(note, width), draw)


def channel_rates(statistics: FiringStatistics, on: str = "") -> Figure:
    """How firing rates spread over the channels of every layer."""
    note = (
        "Thin line: from the quietest to the busiest channel; thick line: the middle half of them; dot: the median. "
        f"{_unit(statistics)} Measured on {_on(statistics, on)}."
    )
    panels = _panels(statistics.layers)
    rows = max(FEWEST, *map(len, panels))
    width = WIDTH if len(panels) > 1 else 6.6
    highest = max((max(layer.rate_by_channel) for layer in statistics.layers), default=0.0) or 1.0

    def draw(figure: FigureBase) -> None:
        entitle(figure, "Firing rates of the channels of every layer", note, width)
        for axes, layers in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _spread(axes, layers, rows)
            axes.set_xlim(-0.02 * highest, 1.03 * highest)
            if not statistics.graded:
                as_percent(axes, "x")

    return picture(width, 1.15 + ROW * rows + 0.14 * lines_of(note, width), draw)


def _heat(axes: Axes, layers: Sequence[LayerFiring], rows: int, highest: float, *, whole: bool) -> None:
    steps = max(layer.time_steps for layer in layers)
    places = [column + 0.5 for column in range(steps)]
    columns = list(zip(places, zip_longest(*(layer.rate_by_step for layer in layers)), strict=True))
    words = {place: str(step) for step, place in enumerate(places, 1)}
    if steps > 1:
        columns.append((steps + 0.75, tuple(layer.rate for layer in layers)))  # the mean stands apart
        shown = places[:: math.ceil(steps / STEPS)]
        words = {**{place: words[place] for place in shown}, steps + 0.75: "all"}
    for place, rates in columns:
        known = np.array(rates, dtype=float)[:, None]
        axes.pcolormesh(
            [place - 0.5, place + 0.5], np.arange(len(layers) + 1.0), known, cmap=DENSITY, vmin=0, vmax=highest
        )
        if steps <= STEPS:
            _numbers(axes, place, rates, whole=whole)
    axes.set_xticks(list(words), list(words.values()))
    axes.set(xlabel="time step", xlim=(0, columns[-1][0] + 0.5))
    axes.grid(visible=False)
    _rows(axes, layers, rows, 0.5)


def _numbers(axes: Axes, place: float, rates: Sequence[float | None], *, whole: bool) -> None:
    for row, rate in enumerate(rates):
        if rate is not None:
            text = f"{100 * rate:.1f}" if whole else f"{rate:.2f}"
            axes.text(place, row + 0.5, text, ha="center", va="center", fontsize=7, color=INK)


def _states(axes: Axes, layers: Sequence[LayerFiring], rows: int) -> None:
    places = range(len(layers))
    dead = [layer.dead_neurons / layer.neurons for layer in layers]
    full = [layer.saturated_neurons / layer.neurons for layer in layers]
    axes.barh(places, [1.0] * len(layers), height=0.74, color=GRID)
    axes.barh(places, dead, height=0.74, color=DEAD, label="never fired")
    starts = [1 - share for share in full]
    axes.barh(places, full, left=starts, height=0.74, color=SATURATED, label="fired at every time step")
    for place, layer in zip(places, layers, strict=True):
        words = f"{count(layer.dead_neurons)} of {count(layer.neurons)}"
        if layer.saturated_neurons:
            words += f", {count(layer.saturated_neurons)} always"
        axes.text(1.02, place, words, va="center", fontsize=7, color=QUIET)
    axes.set(xlabel="share of the layer's neurons", xlim=(0, 1))
    as_percent(axes, "x")
    axes.grid(visible=False)
    _rows(axes, layers, rows, 0)


def _spread(axes: Axes, layers: Sequence[LayerFiring], rows: int) -> None:
    places = np.arange(len(layers))
    rates = [np.quantile(layer.rate_by_channel, [0, 0.25, 0.5, 0.75, 1]) for layer in layers]
    low, first, middle, third, high = np.transpose(rates)
    axes.hlines(places, low, high, colors=COLOURS[0], linewidths=0.9)
    axes.hlines(places, first, third, colors=COLOURS[0], linewidths=4.5, alpha=0.45)
    axes.plot(middle, places, marker="o", markersize=3.2, linestyle="", color=COLOURS[0])
    axes.set(xlabel="firing rate of a channel")
    _rows(axes, layers, rows, 0)


def _rows(axes: Axes, layers: Sequence[LayerFiring], rows: int, centre: float) -> None:
    """Names on the left, the first layer on top, rows of the same height in every panel."""
    names = [layer_label(layer.name, layer.call) for layer in layers]
    axes.set_yticks([place + centre for place in range(len(layers))], names, fontsize=7.5)
    axes.set_ylim(rows - 0.5 + centre, centre - 0.5)
    axes.tick_params(length=0)
    axes.grid(axis="y", visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)


def _panels(layers: Sequence[LayerFiring]) -> list[Sequence[LayerFiring]]:
    """One column of rows, or two where they are many."""
    if len(layers) <= TALL:
        return [layers]
    half = math.ceil(len(layers) / 2)
    return [layers[:half], layers[half:]]


def _unit(statistics: FiringStatistics) -> str:
    unit = "Spikes per neuron and time step"
    unit += ", an integer n counted as n spikes." if statistics.graded else ", in percent."
    if any(layer.values == "real" for layer in statistics.layers):
        unit += " Layers with real outputs have no spikes: theirs is the share of outputs other than zero."
    return unit


def _on(statistics: FiringStatistics, on: str) -> str:
    return on or f"{count(statistics.samples)} samples"
