"""Showing on stderr how a training run goes: a live bar in a terminal, a line per epoch anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from spikeformers.cli.output import error_console
from spikeformers.report.text import duration, percent
from spikeformers.train import EpochDone, Event, RunStarted, StepDone

Watch = Callable[[Event], None]


@contextmanager
def watching(label: str) -> Iterator[Watch]:
    """Yield a function for `fit(watch=...)` that shows the run under `label` while the block lasts."""
    console = error_console()
    if not console.is_terminal:
        yield lambda event: _line(console, label, event)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=14),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as bars:
        yield _Bar(bars, label)


class _Bar:
    """One bar over all steps of a run, with the latest figures beside it."""

    def __init__(self, bars: Progress, label: str) -> None:
        self._bars = bars
        self._task = bars.add_task(label, total=None, figures="")
        self._epochs = 0
        self._accuracy = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._epochs = event.recipe.schedule.epochs
            self._bars.update(self._task, total=self._epochs * event.steps_per_epoch)
        elif isinstance(event, StepDone):
            self._show(event.epoch, event.loss, advance=1)
        elif isinstance(event, EpochDone):
            self._accuracy = f"  accuracy {percent(event.log.test_accuracy)}"
            self._show(event.log.epoch, event.log.train_loss, advance=0)

    def _show(self, epoch: int, loss: float, advance: int) -> None:
        figures = f"epoch {epoch}/{self._epochs}  loss {loss:.3f}{self._accuracy}"
        self._bars.update(self._task, advance=advance, figures=figures)


def _line(console: Console, label: str, event: Event) -> None:
    if isinstance(event, EpochDone):
        log = event.log
        figures = f"epoch {log.epoch}  loss {log.train_loss:.3f}  test accuracy {percent(log.test_accuracy)}"
        console.print(f"{label}  {figures}  {duration(log.seconds)}", markup=False, soft_wrap=True)
