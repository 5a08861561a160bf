"""Accuracy of one model over the number of time steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.layout import heading, new_table, pairs
from spikeformers.report.text import bar, count, percent

if TYPE_CHECKING:
    from spikeformers.train import OverTime


def over_time(rows: Sequence[OverTime], *, model: str, dataset: str, trained_with: int) -> RenderableType:
    """One line for each number of time steps; the bars show accuracies from 0 to 100 %."""
    table = new_table(">time steps", ">accuracy", ">correct", ">loss", "0 to 100 %")
    for row in rows:
        result = row.result
        mark = " (as trained)" if row.time_steps == trained_with else ""
        table.add_row(
            f"{row.time_steps}{mark}",
            percent(result.accuracy),
            f"{count(result.correct)} of {count(result.samples)}",
            f"{result.loss:.4f}",
            Text(bar(result.accuracy), "blue"),
        )
    return Group(heading("Accuracy over time steps"), pairs([("model", model), ("data set", dataset)]), table)
