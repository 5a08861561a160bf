"""A study of ablations, drawn: every run a dot, every value of a factor a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from spikeformers.report.ablation import label_of, standing_of
from spikeformers.report.figures.panels import entitle, lines_of
from spikeformers.report.style import COLOURS, INK, QUIET, as_percent, picture
from spikeformers.report.text import percent

if TYPE_CHECKING:
    from spikeformers.train.ablation.findings import Findings, Line

WIDTH, ROW = 7.6, 0.3  # inches, of the picture and of a row
BASE, OTHER = QUIET, COLOURS[0]


def ablation_figure(findings: Findings) -> Figure:
    """One panel for each factor, all of one scale; a dashed line and its band are the base's mean and deviation."""
    note = _note(findings)
    heights = [len(lines) + 0.9 for lines in findings.factors.values()]

    def draw(figure: FigureBase) -> None:
        entitle(figure, findings.title, note, WIDTH)
        panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (factor, lines) in zip(panels, findings.factors.items(), strict=True):
            _panel(axes, factor, lines, findings.base)
        as_percent(panels[-1], "x")
        panels[-1].set_xlabel(f"accuracy on the {findings.eval_part or 'test'} part", fontsize=9)

    return picture(WIDTH, 1.0 + ROW * sum(heights) + 0.14 * lines_of(note, WIDTH), draw)


def _panel(axes: Axes, factor: str, lines: list[Line], base: Line) -> None:
    if base.mean is not None:
        axes.axvline(base.mean, color=BASE, linestyle="--", linewidth=1)
        if base.spread is not None:
            axes.axvspan(base.mean - base.spread, base.mean + base.spread, color=BASE, alpha=0.12, linewidth=0)
    for row, line in enumerate(lines):
        _row(axes, row, line)
    axes.set_yticks(range(len(lines)), [label_of(line) for line in lines], fontsize=9)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9)
    axes.set_title(factor, fontsize=10)


def _row(axes: Axes, row: int, line: Line) -> None:
    """Mean and deviation above the dots of the runs; the figures stand at the right border."""
    colour = BASE if line.is_base else OTHER
    right = {"x": 1.01, "y": row, "transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 8}
    if line.mean is None:
        axes.text(s="failed" if line.failures else "missing", color=QUIET, **right)  # type: ignore[arg-type]
        return
    axes.errorbar(
        line.mean, row, xerr=line.spread, color=colour, fmt="|", markersize=13, markeredgewidth=2, linewidth=1.5,
        capsize=0,
    )  # fmt: skip
    axes.plot(
        line.accuracies, [row] * len(line.runs), color=colour, marker="o", markersize=4.5, linestyle="none", alpha=0.55,
        markeredgewidth=0,
    )  # fmt: skip
    spread = "" if line.spread is None else f" ± {100 * line.spread:.2f}"
    text = f"{percent(line.mean)}{spread}" if not spread else f"{100 * line.mean:.2f}{spread} %"
    within = line.difference is not None and line.difference.within_spread
    axes.text(s=text, color=QUIET if within or line.is_base else INK, **right)  # type: ignore[arg-type]


def _note(findings: Findings) -> str:
    dots = "A dot is a run, a stroke the mean over seeds, a bar its standard deviation as of a sample."
    base = "The dashed line and its band are the base."
    grey = "Figures in grey differ from the base by up to two standard errors."
    return " ".join(filter(None, (dots, base, grey, standing_of(findings) and f"{standing_of(findings)}.")))
