"""What a cross-validation found, for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.layout import heading, new_table, pairs
from spikeformers.report.text import bar, count, duration, percent

if TYPE_CHECKING:
    from spikeformers.train import CrossValidation


def cross_validation(result: CrossValidation) -> RenderableType:
    """One line for each fold, and the accuracy of all; the bars show accuracies from 0 to 100 %."""
    table = new_table(">fold", ">accuracy", ">time", "0 to 100 %")
    for fold, run in enumerate(result.runs):
        bars = Text(bar(run.test_accuracy), "blue")
        table.add_row(str(fold), percent(run.test_accuracy), duration(run.seconds), bars)
    first = result.runs[0]
    facts = [
        ("recipe", first.recipe_name),
        ("model", first.model_name),
        ("parameters", count(first.parameters)),
        ("data set", f"{first.dataset}, training part"),
        ("accuracy", f"{percent(result.mean)} mean, {percent(result.spread)} standard deviation between folds"),
        ("range", f"{percent(min(result.accuracies))} to {percent(max(result.accuracies))}"),
        ("time", duration(sum(run.seconds for run in result.runs))),
    ]
    how = "Each fold was tested after the last epoch of a run that had not seen it; no epoch was chosen."
    return Group(
        heading(f"Cross-validation, {len(result.runs)} folds"), table, Text(""), pairs(facts), Text(how, "dim")
    )
