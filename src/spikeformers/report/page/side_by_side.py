"""Several models: one table before their parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spikeformers.report.page.firing import rate
from spikeformers.report.page.html import Markup, tag
from spikeformers.report.page.parts import Cell, Row, Sheet, code, paragraph, table
from spikeformers.report.page.summary import SHOWN
from spikeformers.report.samples import Noun, shared
from spikeformers.report.text import count, joules, percent

if TYPE_CHECKING:
    from spikeformers.report.page.study import Study


def header(studies: Sequence[Study], sheets: Sequence[Sheet]) -> Markup:
    """A title and the models' main figures."""
    rows: list[Row] = []
    for study, sheet in zip(studies, sheets, strict=True):
        deployed, result = study.profile.deployed, study.evaluation
        energies = [deployed.energy(word).millijoules for word in SHOWN]
        additions = study.audit.share("additions only")
        rows.append(
            [
                [tag("a", code(study.label), href=f"#{sheet.id('model')}"), tag("br"), study.name],
                Cell(percent(result.accuracy), result.accuracy),
                Cell(count(study.profile.given.size.parameters), study.profile.given.size.parameters),
                Cell(str(study.time_steps), study.time_steps),
                Cell(rate(study.statistics, study.statistics.rate), study.statistics.rate),
                *(Cell(joules(each), each) for each in energies),
                Cell(percent(additions, 1), additions),
            ]
        )
    headers = ["run and model", ">accuracy", ">parameters", ">T", ">firing rate"]
    energy = [f">energy, {word}" for word in SHOWN]
    return tag(
        "header",
        tag("h1", f"{len(studies)} spiking transformers side by side"),
        tag(
            "section",
            table([*headers, *energy, ">additions only"], rows, stack=True),
            _note(shared(study.noun for study in studies)),
        ),
        class_="page",
    )


def _note(noun: Noun) -> Markup:
    return paragraph(
        f"Accuracy on the whole test part. Energy of one {noun.one}, norms fused, estimated from counted "
        "operations; the word names the convention, and memory is not counted. T: time steps. Firing rate: spikes per "
        "neuron and time step. Additions only: the part of the arithmetic that is additions of spikes."
    )
