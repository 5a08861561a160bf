"""Accelerators on the page: what two published chips are predicted to do with this model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeformers.report.figures.what_if import QUESTIONS, what_if
from spikeformers.report.page.html import Content, Markup
from spikeformers.report.page.parts import Cell, Row, Sheet, bullets, code, details, paragraph, table
from spikeformers.report.samples import Noun
from spikeformers.report.text import UNKNOWN, count, joules, percent, short

if TYPE_CHECKING:
    from spikeformers.measure import AcceleratorReport
    from spikeformers.report.page.study import Chip, Study

ENERGY = "energy, as far as known"


def section(study: Study, sheet: Sheet) -> Content:
    """Predictions of a parametric model, beside what the authors published of their own workloads."""
    chips, noun = study.chips, study.noun
    curves = sheet.place(
        "what-if",
        what_if(chips, noun),
        title="What if",
        caption="What if: one parameter changed at a time, all others as published or assumed. Filled mark: the "
        "accelerator as it is. Zero skipping with n lanes skips at most n − 1 of n cycles.",
        description="; ".join(f"{chip.report.accelerator}: {short(chip.report.fps)} {noun.many}/s" for chip in chips),
    )
    return [
        paragraph(
            f"Predicted, not measured: cycles of a parametric model for one {noun.one}, "
            f"{study.profile.deployed.label}. Waiting for memory and filling pipelines take no time in it. The "
            "published images (frames) per second are of the authors' own workloads, not of this network: the "
            "difference says how far apart the two are, and nothing was fitted to it."
        ),
        _table(chips, noun),
        curves,
        [_basis(chip.report, sheet) for chip in chips],
        details("What-if in numbers", [_answers(chip, noun) for chip in chips]),
        details("Layer by layer", [_layers(chip.report) for chip in chips]),
    ]


def _table(chips: tuple[Chip, ...], noun: Noun) -> Markup:
    rows: list[Row] = []
    for report in (chip.report for chip in chips):
        published = report.published.get("fps")
        energy = report.millijoules
        rows.append(
            [
                report.title,
                Cell(count(report.cycles), report.cycles),
                Cell(percent(report.utilisation, 1), report.utilisation),
                Cell("not published" if energy is None else joules(energy), energy or 0.0),
                Cell(count(report.fps), report.fps),
                Cell(
                    UNKNOWN if published is None else f"{published.value:g}",
                    0 if published is None else published.value,
                ),
                Cell(_difference(report), report.fps_difference or 0.0),
            ]
        )
    headers = [
        "accelerator",
        ">cycles",
        ">PEs busy",
        ">energy, as far as known",
        f">{noun.many}/s",
        ">published images/s",
        ">predicted − published",
    ]
    return table(headers, rows, caption=f"One {noun.one}", stack=True)


def _difference(report: AcceleratorReport) -> str:
    return UNKNOWN if report.fps_difference is None else f"{report.fps_difference:+,.0f}"


def _basis(report: AcceleratorReport, sheet: Sheet) -> Markup:
    parts = [("Published or reported", report.known), ("Calibrated, derived or assumed", report.estimated)]
    left = (f"not given to the accelerator: {name}" for name in report.unscheduled)
    groups = [*parts, ("Unknown", (*report.unknown, *left))]
    return details(
        [code(report.accelerator), ": what is published, estimated, unknown"],
        [[sheet.heading(title), bullets(lines)] for title, lines in groups],
    )


def _answers(chip: Chip, noun: Noun) -> Markup:
    rows: list[Row] = []
    for word, (question, _, _) in QUESTIONS.items():
        for value, report in chip.asked(word):
            energy = report.millijoules
            rows.append(
                [
                    question,
                    Cell(f"{value:g}", float(value)),
                    Cell(count(report.cycles), report.cycles),
                    Cell(count(report.fps), report.fps),
                    Cell(percent(report.utilisation, 1), report.utilisation),
                    Cell(joules(energy), energy or 0.0),
                    Cell(short(report.total("weight_bits")), report.total("weight_bits")),
                ]
            )
    headers = [
        "parameter",
        ">value",
        ">cycles",
        f">{noun.many}/s",
        ">PEs busy",
        ">energy, as far as known",
        ">weight bits read",
    ]
    return table(headers, rows, caption=chip.report.title)


def _layers(report: AcceleratorReport) -> Markup:
    rows: list[Row] = [
        [
            code(row.name),
            Cell(count(row.synaptic), row.synaptic),
            Cell(count(row.operations), row.operations),
            Cell(count(row.cycles), row.cycles),
            Cell(percent(row.cycles / report.cycles, 1), row.cycles),
            Cell(short(row.weight_bits), row.weight_bits),
            Cell(joules(row.energy.known * 1e-9) if report.millijoules is not None else UNKNOWN, row.energy.known),
        ]
        for row in report.rows
    ]
    headers = ["layer", ">operations", ">of one bit", ">cycles", ">share", ">weight bits read", ">energy"]
    return table(headers, rows, caption=report.title)
