"""Robustness on the page, where it was measured: accuracy when inputs, weights or spikes are disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeformers.report.figures.robustness import robustness_curves
from spikeformers.report.page.html import Content, Markup
from spikeformers.report.page.parts import Cell, Row, Sheet, bullets, details, paragraph, table
from spikeformers.report.robustness import notes, title_of
from spikeformers.report.text import UNKNOWN, count, percent

if TYPE_CHECKING:
    from spikeformers.measure import Robustness
    from spikeformers.report.page.study import Study


def section(study: Study, sheet: Sheet) -> Content:
    """Curves over strength, and how to read them."""
    result = study.robustness
    assert result is not None
    worst = min(result.rows, key=lambda row: row.accuracy)
    corrupted = result.corruption_accuracy()
    curves = sheet.place(
        "robustness",
        robustness_curves({study.label: result}, study.on),
        title="Accuracy under disturbances",
        caption="One panel for each disturbance, stronger to the right; the dashed line is the accuracy without any.",
        description=f"Lowest: {percent(worst.accuracy, 1)} under {title_of(worst.name)}, {worst.detail}.",
    )
    return [
        paragraph(
            f"On {count(result.samples)} test {study.noun.many} of {study.dataset}: {percent(result.clean, 1)} "
            "undisturbed. ",
            None if corrupted is None else f"Mean over all corruptions and severities {percent(corrupted, 1)}. ",
            f"Worst of all that was tried: {percent(worst.accuracy, 1)} under {title_of(worst.name, worst.variant)} "
            f"({worst.detail}).",
        ),
        curves,
        bullets(notes({study.label: result}, study.noun)),
        details("Every disturbance in numbers", _every(result)),
    ]


def _every(result: Robustness) -> Markup:
    rows: list[Row] = []
    for row in result.rows:
        low, high = row.interval or (None, None)
        between = UNKNOWN if row.interval is None else f"{percent(low, 1)} to {percent(high, 1)}"
        rows.append(
            [
                title_of(row.name, row.variant),
                row.family,
                row.detail,
                Cell(percent(row.accuracy, 1), row.accuracy),
                Cell(between, low or 0.0),
                Cell(count(row.draws), row.draws),
            ]
        )
    return table(["disturbance", "of", "strength", ">accuracy", ">95 % interval", ">draws"], rows)
