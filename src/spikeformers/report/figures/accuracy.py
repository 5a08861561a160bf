"""Accuracy, drawn: which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from numpy.typing import NDArray

from spikeformers.report.style import COLOURS, DENSITY, INK, PAPER, QUIET, WRONG, picture

MOST_NUMBERS = 20  # classes whose counts are still legible in the cells


def confusion_matrix(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Figure:
    """True classes from top to bottom, predicted ones from left to right; the shade is the share of the true class."""
    counts = np.array(confusion)
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    size = len(classes)

    def draw(figure: FigureBase) -> None:
        axes = figure.subplots()
        if size <= MOST_NUMBERS:
            axes.pcolormesh(shares, cmap=DENSITY, vmin=0, vmax=1, edgecolors="none")
            _write(axes, counts, shares)
            places = np.arange(size) + 0.5
            axes.set_xticks(places, [_cut(each) for each in classes], rotation=90 if _long(classes) else 0, fontsize=9)
            axes.set_yticks(places, [_cut(each) for each in classes], fontsize=9)
        else:
            axes.imshow(shares, cmap=DENSITY, vmin=0, vmax=1, extent=(0, size, size, 0))
        axes.set(xlim=(0, size), ylim=(size, 0), aspect="equal", xlabel="predicted", ylabel="true class")
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.set_title("Confusion matrix")

    return picture(5.2, 5.2, draw)


def _write(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for (true, predicted), count in np.ndenumerate(counts):
        if count:
            wrong = true != predicted
            ink = PAPER if shares[true, predicted] > 0.55 else WRONG if wrong else INK
            axes.text(
                predicted + 0.5, true + 0.5, str(count), color=ink, ha="center", va="center", fontsize=8,
                fontweight="bold" if wrong else "normal",
            )  # fmt: skip


def _cut(name: str) -> str:
    """A name that fits; names that are alike at first often differ at the end."""
    return name if len(name) <= 14 else f"{name[:6]}…{name[-7:]}"


def _long(names: Sequence[str]) -> bool:
    return max(map(len, names)) > 3


def class_accuracy(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Figure:
    """Share of each class's samples that are recognised; of many classes the lowest ones."""
    counts = np.array(confusion)
    total = counts.sum(1)
    shares = counts.diagonal() / np.maximum(1, total)
    order = (
        np.arange(len(classes)) if len(classes) <= MOST_NUMBERS else np.argsort(shares, kind="stable")[:MOST_NUMBERS]
    )

    def draw(figure: FigureBase) -> None:
        axes = figure.subplots()
        bars = axes.barh(range(len(order)), shares[order], height=0.7, color=COLOURS[0])
        labels = [f"{counts[each, each]} of {total[each]}" for each in order]
        axes.bar_label(bars, labels, padding=4, fontsize=9, color=QUIET)
        axes.set_yticks(range(len(order)), [_cut(classes[each]) for each in order])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(xlim=(0, 1.24), xticks=(0, 0.25, 0.5, 0.75, 1))
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
        axes.set_title("Recognised, by class" if len(order) == len(classes) else "Recognised, lowest classes")

    return picture(5.2, 1.0 + 0.3 * len(order), draw)
