"""Accuracy under disturbances, drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from spikeformers.report.figures.panels import WIDTH, in_rows
from spikeformers.report.robustness import title_of
from spikeformers.report.style import QUIET, as_percent, colour, picture

if TYPE_CHECKING:
    from spikeformers.measure import Robustness, RobustnessRow
    from spikeformers.measure.disturbances.trials import Family

COLUMNS = 4
_SCALES: dict[Family, str] = {
    "corruption": "severity",
    "attack": "epsilon, in 1/255",
    "weights": "noise / deviation of the weights",
    "spikes": "probability",
}


class Panel(NamedTuple):
    """One disturbance: a line for each model, by its index, of its rows by strength."""

    title: str
    scale: str
    lines: dict[int, tuple[RobustnessRow, ...]]


def robustness_curves(results: Mapping[str, Robustness], on: str | None = None) -> Figure:
    """One panel for each disturbance, one colour for each model; a dashed line is its undisturbed accuracy.

    Attacks are drawn under the worst of their surrogates, where there are several.

    Args:
        results: from a label to what was measured.
        on: what it was measured on, in words, for a title; None on a page that says so itself.
    """
    panels = _panels(list(results.values()))
    columns = min(COLUMNS, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    width = WIDTH * max(3, columns) / COLUMNS
    legend = _legend(panels, list(results))
    abreast = round(width / 2.5)

    def draw(figure: FigureBase) -> None:
        for axes, panel, column, _ in in_rows(figure, panels, columns):
            for index, result in enumerate(results.values()):
                axes.axhline(result.clean, color=colour(index), linestyle="--", linewidth=1, alpha=0.7)
                if index in panel.lines:
                    _line(axes, panel.lines[index], result.clean, index)
            axes.set_title(panel.title, fontsize=10)
            axes.set_xlabel(panel.scale, fontsize=9)
            axes.set(ylim=(0, 1.03), yticks=(0, 0.25, 0.5, 0.75, 1))
            axes.set_xlim(0, None)
            as_percent(axes, "y")
            axes.tick_params(labelsize=8, labelleft=column == 0)
        if on is not None:
            figure.suptitle(f"Accuracy under disturbances, on {on}", fontsize=11, fontweight="bold", x=0.01, ha="left")
        figure.legend(handles=legend, loc="outside lower left", ncols=abreast)

    return picture(width, 2.2 * rows + 0.4 + 0.25 * math.ceil(len(legend) / abreast), draw)


def _legend(panels: Sequence[Panel], labels: Sequence[str]) -> list[Artist]:
    """A line for each model, and what dashes and bands are."""
    models = [Line2D([], [], color=colour(index), marker="o", label=label) for index, label in enumerate(labels)]
    dashes = Line2D([], [], color=QUIET, linestyle="--", linewidth=1, label="undisturbed")
    drawn = any(row.spread is not None for panel in panels for rows in panel.lines.values() for row in rows)
    return [*models, dashes, *([Patch(color=QUIET, alpha=0.2, label="± deviation of draws")] if drawn else [])]


def _line(axes: Axes, rows: Sequence[RobustnessRow], clean: float, index: int) -> None:
    points = sorted((row.severity or row.strength, row.accuracy, row.spread or 0.0) for row in rows)
    x, y, spread = zip((0, clean, 0.0), *points, strict=True)
    axes.plot(x, y, color=colour(index), marker="o", markersize=3, linewidth=1.5)
    if any(spread):
        low, high = ([value + way * by for value, by in zip(y, spread, strict=True)] for way in (-1, 1))
        axes.fill_between(x, low, high, color=colour(index), alpha=0.2, linewidth=0)


def _panels(results: Sequence[Robustness]) -> list[Panel]:
    drawn: dict[tuple[Family, str], dict[int, tuple[RobustnessRow, ...]]] = {}
    for index, result in enumerate(results):
        for family, name in dict.fromkeys((row.family, row.name) for row in result.rows):
            rows = result.of(family, name)
            worst = tuple(row for row in rows if row.variant == "worst")
            drawn.setdefault((family, name), {})[index] = worst or rows
    return [Panel(_titled(family, name, lines), _SCALES[family], lines) for (family, name), lines in drawn.items()]


def _titled(family: Family, name: str, lines: Mapping[int, Sequence[RobustnessRow]]) -> str:
    title = "weight noise" if family == "weights" else title_of(name)
    worst = any(row.variant == "worst" for rows in lines.values() for row in rows)
    return f"{title[0].upper()}{title[1:]}{', worst surrogate' if worst else ''}"
