"""Models on accelerators as terminal tables: what is predicted, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.layout import bullets, heading, new_table
from spikeformers.report.samples import IMAGE, Noun
from spikeformers.report.text import amount, count, joules, percent

if TYPE_CHECKING:
    from spikeformers.measure import AcceleratorReport


def accelerators(found: Mapping[str, Sequence[AcceleratorReport]], form: str, noun: Noun = IMAGE) -> RenderableType:
    """Cycles, use and energy of every model on every accelerator, per sample.

    Args:
        found: from the label of a model to its reports.
        form: in which form the models were scheduled.
        noun: what the samples are called.
    """
    table = new_table("model", "accelerator", ">cycles", ">use of PEs", ">energy", ">weights read", ">frames/s")
    compared = []
    for label, reports in found.items():
        for report in reports:
            table.add_row(
                Text(label, "cyan"),
                report.accelerator,
                count(report.cycles),
                percent(report.utilisation, 1),
                joules(report.millijoules),
                amount(report.total("weight_bits") / 8),
                f"{report.fps:,.1f}",
            )
            compared += _compared(label, report)
    chips = {report.accelerator: report for reports in found.values() for report in reports}
    parts = [part for report in chips.values() for part in _basis(report)]
    notes = bullets("Predicted minus published frames per second, printed and not fitted", compared)
    return Group(heading(f"On accelerators, predicted per {noun.one}, {form}"), table, *notes, *parts)


def _compared(label: str, report: AcceleratorReport) -> list[str]:
    """How far a prediction is from what the authors report, which is for a model of their own."""
    if report.fps_difference is None:
        return []
    published = report.published["fps"]
    theirs = f"{published.value:g} published for a model of the authors' ({published.source})"
    return [f"{label} on {report.accelerator}: {report.fps_difference:+,.1f}; {theirs}"]


def accelerator_layers(report: AcceleratorReport, label: str, noun: Noun = IMAGE) -> RenderableType:
    """Every layer of one model on one accelerator."""
    table = new_table("layer", ">operations", ">cycles", ">share", ">weights read", ">spikes read", ">energy")
    priced = report.millijoules is not None
    for row in report.rows:
        table.add_row(
            Text(row.name),
            count(row.operations),
            count(row.cycles),
            percent(row.cycles / report.cycles, 1),
            amount(row.weight_bits / 8),
            amount(row.spike_bits / 8),
            joules(row.energy.known * 1e-9 if priced else None),
        )
    return Group(heading(f"Layers: {label} on {report.accelerator}, per {noun.one}"), table)


def _basis(report: AcceleratorReport) -> list[RenderableType]:
    """What is published, what is estimated, what is not known, and what is not scheduled."""
    left = [f"Not scheduled: {', '.join(report.unscheduled)}."] if report.unscheduled else []
    return [
        *bullets(f"{report.accelerator}: published or reported", report.known),
        *bullets(f"{report.accelerator}: derived, assumed or asked for", report.estimated),
        *bullets(f"{report.accelerator}: not known", [*report.unknown, *left]),
    ]
