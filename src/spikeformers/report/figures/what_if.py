"""What-if questions about accelerators, drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import FixedLocator, NullLocator

from spikeformers.report.samples import IMAGE, Noun
from spikeformers.report.style import colour, picture
from spikeformers.report.text import short

if TYPE_CHECKING:
    from spikeformers.measure import AcceleratorReport
    from spikeformers.report.page.study import Chip

Answer = Callable[["AcceleratorReport"], float]
QUESTIONS: dict[str, tuple[str, str, Answer]] = {
    "pes": ("Processing elements (PEs)", "{0.many} per second", lambda report: report.fps),
    "parallel_steps": ("Time steps computed at once", "{0.many} per second", lambda report: report.fps),
    "skip_lanes": ("Lanes that skip zeros (1: none)", "{0.many} per second", lambda report: report.fps),
    "weight_bits": ("Bits of a weight", "weight bits read per {0.one}", lambda report: report.total("weight_bits")),
}


def what_if(chips: Sequence[Chip], noun: Noun = IMAGE) -> Figure:
    """One panel for each parameter, one line for each accelerator; the published value is a filled mark."""

    def draw(figure: FigureBase) -> None:
        panels = figure.subplots(2, 2)
        for axes, word in zip(panels.flat, QUESTIONS, strict=True):
            for index, chip in enumerate(chips):
                _line(axes, chip, word, index)
            _ticks(axes, sorted({value for chip in chips for value, _ in _points(chip, word)}))
            title, unit, _ = QUESTIONS[word]
            axes.set(title=f"{title}, times as many" if word == "pes" else title, ylabel=unit.format(noun))
            axes.set_ylim(0, 1.1 * axes.dataLim.y1 if axes.has_data() else 1)
            axes.yaxis.set_major_formatter(lambda value, _: short(value))
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=len(chips))

    return picture(10.2, 6.2, draw)


def _line(axes: Axes, chip: Chip, word: str, index: int) -> None:
    points = _points(chip, word)
    if not points:
        return
    x, y = zip(*points, strict=True)
    axes.plot(x, y, color=colour(index), marker="o", markerfacecolor="none", label=chip.report.accelerator)
    own = 1.0 if word == "pes" else float(chip.report.parameters[word].value)
    here = QUESTIONS[word][2](chip.report)
    axes.plot([own], [here], color=colour(index), marker="o", markersize=7, linestyle="none")


def _points(chip: Chip, word: str) -> list[tuple[float, float]]:
    """The answers; numbers of PEs as multiples of the chip's own, to have a scale in common."""
    unit = float(chip.report.parameters[word].value) if word == "pes" else 1.0
    return [(float(value) / unit, QUESTIONS[word][2](report)) for value, report in chip.asked(word)]


def _ticks(axes: Axes, values: Sequence[float]) -> None:
    """On a scale of doublings, name the values that were asked."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
