"""Membrane potentials right before firing, drawn: how they lie around the threshold, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from spikeformers.report.figures.panels import WIDTH, entitle, evenly, folded, in_rows, lines_of
from spikeformers.report.style import COLOURS, INK, QUIET, picture
from spikeformers.report.text import count, layer_label, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeformers.measure import FiringStatistics, Histogram, LayerFiring

COLUMNS, MOST = 5, 40
LETTERS = 26  # of a name that fit above a panel
CUT = 4  # times the second highest bin, where the highest is cut off
QUIETER, FIRING = COLOURS[4], COLOURS[1]
WORTH_SHOWING = 0.001  # of a layer's potentials in a bin, for the axis to reach it


def membrane_histograms(statistics: FiringStatistics, on: str = "") -> Figure:
    """Histogram of every layer's membrane potentials, in units of its threshold.

    Args:
        statistics: of a data set.
        on: what it was measured on, in words; "" says how many samples.
    """
    known = [layer for layer in statistics.layers if layer.membrane is not None and layer.membrane.total]
    layers = evenly(known, MOST)
    note = _note(statistics, layers, len(known), on)
    rows = max(1, math.ceil(len(layers) / COLUMNS))

    def draw(figure: FigureBase) -> None:
        entitle(figure, "Membrane potentials right before firing", note, WIDTH)
        span = _span(layers)
        for axes, layer, column, lowest in in_rows(figure, layers, COLUMNS):
            _panel(axes, layer, span)
            axes.tick_params(labelbottom=lowest)
            if lowest and column == 0:
                axes.set_xlabel("potential / threshold", fontsize=8)
        handles = [
            Patch(color=FIRING, label="fires"),
            Patch(color=QUIETER, label="does not fire"),
            Line2D([], [], color=INK, linewidth=1, label="threshold"),
        ]
        figure.legend(handles=handles, loc="outside upper right", fontsize=8, ncols=3)

    return picture(WIDTH, 0.9 + 1.35 * rows + 0.14 * lines_of(note, WIDTH), draw)


def _panel(axes: Axes, layer: LayerFiring, span: tuple[float, float]) -> None:
    histogram, threshold = layer.membrane, layer.v_threshold
    assert histogram is not None
    assert threshold is not None
    edges = np.asarray(histogram.edges) / threshold
    fires = _fires(layer, edges)
    shares = np.asarray(histogram.counts) / histogram.total
    for part, shade in ((~fires, QUIETER), (fires, FIRING)):
        axes.stairs(np.where(part, shares, 0), edges, fill=True, color=shade, linewidth=0)
    for edge in _thresholds(layer):
        axes.axvline(edge, ymax=0.8, color=INK, linewidth=1)
    top = _top(axes, shares, edges)
    axes.set(xlim=span, ylim=(0, 1.28 * top), yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.tick_params(labelsize=7.5)
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_title(folded(layer_label(layer.name, layer.call), LETTERS), fontsize=7.5, fontweight="normal", pad=2)
    axes.text(0.99, 0.96, _words(layer), transform=axes.transAxes, ha="right", va="top", fontsize=7.5, color=QUIET)


def _top(axes: Axes, shares: np.ndarray, edges: np.ndarray) -> float:
    """Height of the panel; a single bin that dwarfs all others is cut off, and its height written beside it."""
    highest, second = np.sort(shares)[:-3:-1]
    if highest <= CUT * second or not second:
        return float(highest) or 1.0
    bin_ = int(shares.argmax())
    axes.text(edges[bin_], CUT * second, f"{percent(highest, 0)} ↑ ", ha="right", va="top", fontsize=7.5, color=QUIET)
    return float(CUT * second)


def _fires(layer: LayerFiring, edges: np.ndarray) -> NDArray[np.bool_]:
    """Which bins hold potentials that make the neuron fire, from their edges in thresholds."""
    middle: NDArray[np.float64] = (edges[:-1] + edges[1:]) / 2
    if layer.graded:
        return middle > 0.5
    return np.abs(middle) > 1 if layer.values.startswith("ternary") else middle > 1


def _thresholds(layer: LayerFiring) -> tuple[float, ...]:
    if layer.graded:
        return (0.5,)
    return (-1.0, 1.0) if layer.values.startswith("ternary") else (1.0,)


def _words(layer: LayerFiring) -> str:
    if layer.graded:
        return f"{layer.rate:.2f} spikes"
    if layer.values == "real":
        assert layer.membrane is not None
        assert layer.v_threshold is not None
        return f"{percent(layer.membrane.reaching(layer.v_threshold) / layer.membrane.total, 1)} reset"
    return f"{percent(layer.rate, 1)} fire"


def _span(layers: Sequence[LayerFiring]) -> tuple[float, float]:
    """The same axis for all: from the lowest to the highest bin that is worth showing, the thresholds in it."""
    low, high = -0.5, 1.5
    for layer in layers:
        histogram, threshold = layer.membrane, layer.v_threshold
        if histogram is None or threshold is None:
            continue
        for index, number in enumerate(histogram.counts):
            if number > WORTH_SHOWING * histogram.total:
                low = min(low, histogram.edges[index] / threshold)
                high = max(high, histogram.edges[index + 1] / threshold)
    return low, high


def _note(statistics: FiringStatistics, shown: Sequence[LayerFiring], known: int, on: str) -> str:
    words = "In thresholds of the layer: a neuron fires where its potential reaches 1"
    if any(layer.graded for layer in shown):
        words += " (one that counts emits the nearest whole number, so from 0.5 on)"
    if any(layer.values.startswith("ternary") for layer in shown):
        words += " or, with a negative spike, -1"
    outside = max((_outside(layer.membrane) for layer in shown if layer.membrane is not None), default=0.0)
    words += f". Up to {percent(outside, 1)} of a layer's potentials lie beyond the bins. " if outside else ". "
    if len(shown) < known:
        words += f"{len(shown)} of {known} layers are drawn. "
    if known < len(statistics.layers):
        words += f"{len(statistics.layers) - known} layers have no potentials. "
    words += "Heights are not comparable between layers. "
    return f"{words}All time steps together; measured on {on or f'{count(statistics.samples)} samples'}."


def _outside(histogram: Histogram) -> float:
    return (histogram.below + histogram.above) / histogram.total
