"""Runs, listed and side by side, for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.layout import heading, new_table
from spikeformers.report.text import count, duration, percent

if TYPE_CHECKING:
    from spikeformers.train.runs import Run

UNKNOWN = "–"

_TITLES = ("epochs", "state", "best", "on", "test", "parameters", "time")
_FORM = "{:>9}  {:<10}  {:>8}  {:<10}  {:>8}  {:>11}  {:>11}"


def run_list(runs: Sequence[Run]) -> RenderableType:
    """Two lines per run, so that a path may be of any length and the figures below it fit into 80 columns.

    "best" is the highest accuracy of an epoch on the part of the data that is named beside it, "test" the accuracy of
    the last epoch's weights on the test part. What is not known yet has a dash.
    """
    lines = [Text("run", "bold"), Text(_FORM.format(*_TITLES), "bold")]
    for run in runs:
        lines += [_what(run), _figures(run)]
    return Group(*lines, *_caution(runs))


def run_comparison(runs: Sequence[Run], differing: Mapping[str, Sequence[Any]]) -> RenderableType:
    """Every figure of the runs, and the words of their recipes that differ.

    Args:
        differing: for each such word the value of every run, None where a run has none.
    """
    titles = [Text.assemble((f"{number}  ", "bold"), _what(run)) for number, run in enumerate(runs, start=1)]
    accuracies = [heading("Accuracy"), _accuracies(runs), *_caution(runs)]
    last = [heading("After the last epoch"), _last_epochs(runs)]
    words = _words(runs, differing) if differing else Text("Nothing that decides a run.")
    return Group(*titles, *accuracies, *last, heading("What differs in their recipes"), words)


def _caution(runs: Sequence[Run]) -> list[RenderableType]:
    if not any(run.epochs and run.eval_part == "test" for run in runs):
        return []
    return [Text("A best epoch on the test part was chosen by looking at them, and flatters.", "dim")]


def _what(run: Run) -> Text:
    return Text.assemble((str(run.path), "cyan"), (f"  {run.recipe.name} on {run.recipe.dataset}", "dim"))


def _figures(run: Run) -> Text:
    result = run.result
    line = _FORM.format(
        _epochs(run),
        "finished" if result else "unfinished",
        percent(run.best.eval_accuracy) if run.best else UNKNOWN,
        run.eval_part or UNKNOWN,
        percent(result.test_accuracy) if result else UNKNOWN,
        count(result.parameters) if result else UNKNOWN,
        duration(run.seconds),
    )
    text = Text(line)
    text.highlight_words(["unfinished"], "yellow")
    return text


def _epochs(run: Run) -> str:
    return f"{len(run.epochs)}/{run.recipe.schedule.total_epochs}"


def _accuracies(runs: Sequence[Run]) -> RenderableType:
    table = new_table("run", ">epochs", ">last", ">best", ">at epoch", "on", ">test (last)", ">test (best)")
    for number, run in enumerate(runs, start=1):
        table.add_row(
            str(number),
            _epochs(run),
            percent(run.epochs[-1].eval_accuracy) if run.epochs else UNKNOWN,
            percent(run.best.eval_accuracy) if run.best else UNKNOWN,
            str(run.best.epoch) if run.best else UNKNOWN,
            run.eval_part or UNKNOWN,
            percent(run.result.test_accuracy) if run.result else UNKNOWN,
            percent(run.result.best_test_accuracy) if run.result else UNKNOWN,
        )
    return table


def _last_epochs(runs: Sequence[Run]) -> RenderableType:
    table = new_table("run", ">loss", ">training", ">firing", ">dead", ">saturated", ">samples/s", ">time")
    for number, run in enumerate(runs, start=1):
        figures = [UNKNOWN] * 6
        if run.epochs:
            log, speed = run.epochs[-1], [time for time in run.times if time.epoch == run.epochs[-1].epoch]
            figures = [
                f"{log.train_loss:.4f}",
                percent(log.train_accuracy),
                percent(log.firing_rate),
                percent(log.dead),
                percent(log.saturated),
                f"{speed[0].images_per_second:.0f}" if speed else UNKNOWN,
            ]
        table.add_row(str(number), *figures, duration(run.seconds))
    return table


def _words(runs: Sequence[Run], differing: Mapping[str, Sequence[Any]]) -> RenderableType:
    table = new_table("word", *(f"run {number}" for number in range(1, len(runs) + 1)))
    for word, values in differing.items():
        table.add_row(Text(word, "cyan"), *(Text(_value(value)) for value in values))
    return table


def _value(value: object) -> str:
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else json.dumps(value)
