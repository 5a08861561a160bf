"""Showing on stderr how a training run goes: live in a terminal, a line per epoch anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from spikeformers.cli.output import error_console
from spikeformers.report.samples import IMAGE, Noun, noun_of
from spikeformers.report.text import count, duration, percent
from spikeformers.train.result import EpochDone, Event, Note, Reading, RunStarted, StepDone

Watch = Callable[[Event], None]

WIDE = 100  # columns from which on the bar's figures are named in full
NAMED = 5  # of the samples that could not be read


def also(*watches: Watch) -> Watch:
    """Return a function that hands every event to each of these, in turn."""

    def watch(event: Event) -> None:
        for each in watches:
            each(event)

    return watch


@contextmanager
def watching(label: str) -> Iterator[Watch]:
    """Yield a function for `fit(watch=...)` that shows the run under `label` while the block lasts."""
    console = error_console()
    if not console.is_terminal:
        yield _Lines(console, label)
        return
    columns = (
        BarColumn(bar_width=10),
        TextColumn("{task.description}", markup=False),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as bars:
        yield _Live(bars, label)


class _Alarms:
    """Called with an event, returns what the user should know of it beyond its figures."""

    def __init__(self) -> None:
        self._vanished: tuple[str, ...] = ()

    def __call__(self, event: Event) -> list[str]:
        if isinstance(event, Note):
            return [event.text]
        if isinstance(event, RunStarted):
            noun = noun_of(event.recipe.dataset)
            return [text for text in (event.resumed, unreadable_lines(event.unreadable, noun)) if text]
        if isinstance(event, EpochDone):
            before, self._vanished = self._vanished, event.log.vanishing
            # Once is enough, until other stages are concerned.
            return [_vanishing(self._vanished)] if self._vanished not in ((), before) else []
        return []


class _Lines:
    """For a file, which is read later and searched: each line says what its figures are."""

    def __init__(self, console: Console, label: str) -> None:
        self._console, self._label = console, label
        self._alarms = _Alarms()
        self._epochs, self._part = 0, ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Reading) and event.done == event.total:
            self._write(f"decoded {event.what}: {count(event.total)} samples")
        elif isinstance(event, RunStarted):
            self._epochs, self._part = event.recipe.schedule.total_epochs, event.eval_part
        elif isinstance(event, EpochDone):
            self._write(self._figures(event))
        for text in self._alarms(event):
            self._write(text)

    def _figures(self, event: EpochDone) -> str:
        log = event.log
        return "  ".join(
            (
                f"epoch {log.epoch} of {self._epochs}",
                f"loss {log.train_loss:.3f}",
                f"training accuracy {percent(log.train_accuracy)}",
                f"{self._part} accuracy {percent(log.eval_accuracy)}",
                f"firing {percent(log.firing_rate, 1)}",
                f"dead {percent(log.dead, 1)}",
                f"saturated {percent(log.saturated, 1)}",
                duration(event.time.seconds),
            )
        )

    def _write(self, text: str) -> None:
        self._console.print(f"{self._label}  {text}", markup=False, soft_wrap=True)


class _Live:
    """For a terminal: a table that grows by a line per epoch, below it a bar over all steps with the latest figures."""

    def __init__(self, bars: Progress, label: str) -> None:
        self._bars, self._label = bars, label
        self._task = bars.add_task("", total=None)
        self._alarms = _Alarms()
        self._epochs, self._part = 0, ""
        self._accuracy = ""  # of the latest epoch
        self._noun = IMAGE
        self._stepped = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Reading):
            self._bars.update(self._task, completed=event.done, total=event.total, description=f"decoding {event.what}")
        elif isinstance(event, RunStarted):
            self._epochs, self._part = event.recipe.schedule.total_epochs, event.eval_part
            self._noun = noun_of(event.recipe.dataset)
            self._bars.console.print(_heading(self._label, event))
        elif isinstance(event, StepDone):
            self._step(event)
        elif isinstance(event, EpochDone):
            if not self._accuracy:
                self._bars.console.print(_header(self._part))
            self._accuracy = percent(event.log.eval_accuracy, 1)
            self._bars.console.print(_row(event, self._epochs))
        for text in self._alarms(event):
            self._bars.console.print(Text(text, "yellow"))

    def _step(self, event: StepDone) -> None:
        done, total = (event.epoch - 1) * event.steps_per_epoch + event.step, self._epochs * event.steps_per_epoch
        figures = self._figures(event)
        if self._stepped:
            self._bars.update(self._task, completed=done, description=figures)
        else:
            # A resumed run starts in the middle: what was done before must not count for the time that remains.
            self._bars.reset(self._task, completed=done, total=total, description=figures)
        self._stepped = True

    def _figures(self, event: StepDone) -> str:
        wide = self._bars.console.width >= WIDE
        accuracy = f"{f'{self._part} accuracy' if wide else 'acc'} {self._accuracy}" if self._accuracy else ""
        figures = (
            f"epoch {event.epoch}/{self._epochs}",
            f"loss {event.loss:.3f}",
            accuracy,
            f"{event.images_per_second:.0f} {self._noun.many if wide else self._noun.short}/s",
            f"{'gradient norm' if wide else 'grad'} {event.gradient_norm:.2g}",
        )
        return "  ".join(filter(None, figures))


def _heading(label: str, event: RunStarted) -> Text:
    facts = (
        f"  {count(event.parameters)} parameters, {count(event.train_samples)} training and "
        f"{count(event.eval_samples)} {event.eval_part} {noun_of(event.recipe.dataset).many}"
    )
    return Text.assemble((label, "bold cyan"), (facts, "dim"))


_WIDTHS = (7, 7, 8, 10, 7, 7, 9, 11)  # of the columns of the table: with two spaces between them, 80 columns hold them


def _header(part: str) -> Text:
    titles = ("epoch", "loss", "training", part, "firing", "dead", "saturated", "time")
    return Text("  ".join(title.rjust(width) for title, width in zip(titles, _WIDTHS, strict=True)), "bold")


def _row(event: EpochDone, epochs: int) -> Text:
    """The figures of an epoch below `_header`; bold where the accuracy is the best so far."""
    log = event.log
    cells = (
        f"{log.epoch}/{epochs}",
        f"{log.train_loss:.3f}",
        percent(log.train_accuracy),
        percent(log.eval_accuracy),
        percent(log.firing_rate, 1),
        percent(log.dead, 1),
        percent(log.saturated, 1),
        duration(event.time.seconds),
    )
    padded = [cell.rjust(width) for cell, width in zip(cells, _WIDTHS, strict=True)]
    best = Text(padded[3], "bold" if event.is_best else "")
    return Text("  ").join([*map(Text, padded[:3]), best, *map(Text, padded[4:])])


def _vanishing(stages: tuple[str, ...]) -> str:
    return (
        f"Gradients have vanished in {', '.join(stages)}: at least half of the parameters there hardly learn. "
        f"Look at the thresholds (v_threshold) and the surrogate gradient (surrogate, surrogate_alpha)."
    )


def unreadable_lines(names: tuple[str, ...], noun: Noun) -> str:
    """Say how many images or recordings cannot be read, and name the first ones; "" where all can."""
    if not names:
        return ""
    more = [f"and {count(len(names) - NAMED)} more"] if len(names) > NAMED else []
    verb = "is" if len(names) == 1 else "are"
    title = f"{count(len(names))} {noun.counted(len(names))} cannot be read and {verb} left out:"
    return "\n  ".join([title, *names[:NAMED], *more])
