"""Runs side by side, as a picture: training loss, accuracy and firing rate over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator

from spikeformers.report.style import COLOURS, as_percent, colour, picture

if TYPE_CHECKING:
    from spikeformers.train.runs import Run

_LINES = ("-", "--", ":", "-.")  # where there are more runs than colours


def run_curves(runs: Sequence[Run]) -> Figure:
    """Draw one line per run in each of three panels; runs may differ in length, and be unfinished or not begun."""
    return picture(12, 3.4 + 0.22 * len(runs), lambda figure: draw_run_curves(figure, runs))


def draw_run_curves(figure: FigureBase, runs: Sequence[Run]) -> None:
    """Draw the panels side by side, and below them what each line is."""
    loss, accuracy, firing = figure.subplots(1, 3)
    for index, run in enumerate(runs):
        style = _style(index, points=len(run.epochs))
        x = [log.epoch for log in run.epochs]
        loss.plot(x, [log.train_loss for log in run.epochs], label=_label(run), **style)
        accuracy.plot(x, [log.eval_accuracy for log in run.epochs], **style)
        firing.plot(x, [log.firing_rate for log in run.epochs], **style)
    loss.set(title="Training loss", xlabel="epoch")
    accuracy.set(title="Accuracy", xlabel="epoch")
    firing.set(title="Firing rate", xlabel="epoch")
    longest = max((len(run.epochs) for run in runs), default=1)
    for axes in (loss, accuracy, firing):
        _frame(axes, longest)
    as_percent(accuracy, "y")
    as_percent(firing, "y")
    figure.legend(loc="outside lower left")


def _label(run: Run) -> str:
    total, done = run.recipe.schedule.total_epochs, len(run.epochs)
    part = f", judged on the {run.eval_part} part" if run.eval_part else ""
    return f"{run.path}{part}" if run.result else f"{run.path}{part}, unfinished: {done} of {total} epochs"


def _style(index: int, points: int) -> dict[str, Any]:
    # A single epoch is a point, which a line without markers would not show.
    line = _LINES[index // len(COLOURS) % len(_LINES)]
    return {"color": colour(index), "linestyle": line, "marker": "o" if points == 1 else None}


def _frame(axes: Axes, longest: int) -> None:
    axes.set_xlim(0, 1.03 * max(1, longest))
    axes.set_ylim(0, 1.1 * axes.dataLim.y1 if axes.has_data() and axes.dataLim.y1 > 0 else 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
