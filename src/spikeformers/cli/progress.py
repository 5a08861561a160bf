"""Showing on stderr how a training run goes: a live bar in a terminal, a line per epoch anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from spikeformers.cli.output import error_console
from spikeformers.report.text import duration, percent
from spikeformers.train import EpochDone, EpochLog, Event, RunStarted, StepDone

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
        BarColumn(bar_width=24),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TextColumn("left", style="dim"),
        TimeRemainingColumn(),
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
            figures = f"epoch {event.epoch}/{self._epochs}  loss {event.loss:.3f}{self._accuracy}"
            self._bars.update(self._task, advance=1, figures=figures)
        elif isinstance(event, EpochDone):
            self._accuracy = f"  test accuracy {percent(event.log.test_accuracy)}"
            self._bars.update(self._task, figures=_figures(event.log, self._epochs))


def _line(console: Console, label: str, event: Event) -> None:
    if isinstance(event, EpochDone):
        line = f"{label}  {_figures(event.log)}  {duration(event.log.seconds)}"
        console.print(line, markup=False, soft_wrap=True)


def _figures(log: EpochLog, epochs: int | None = None) -> str:
    of = f"/{epochs}" if epochs else ""
    return f"epoch {log.epoch}{of}  loss {log.train_loss:.3f}  test accuracy {percent(log.test_accuracy)}"
