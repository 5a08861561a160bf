"""Parameters on the page: where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeformers.report.page.html import Content
from spikeformers.report.page.parts import Cell, Row, Sheet, code, paragraph, share_bar, table
from spikeformers.report.text import amount, count, percent

if TYPE_CHECKING:
    from spikeformers.report.page.study import Study


def section(study: Study, sheet: Sheet) -> Content:
    """By part, and what fusing makes of their number."""
    given, deployed = study.profile.given, study.profile.deployed
    total = given.size.parameters
    rows: list[Row] = [
        [
            code(piece.name),
            Cell(count(piece.parameters), piece.parameters),
            Cell(percent(piece.parameters / total, 1), piece.parameters),
            share_bar(piece.parameters / total),
        ]
        for piece in study.pieces
    ]
    fused = f" {deployed.label.capitalize()}: {count(deployed.size.parameters)}." if deployed is not given else ""
    zeros = given.size.connection_sparsity
    return [
        paragraph(
            f"{count(total)} trained values, {amount(given.size.footprint)} with running statistics as stored.{fused} "
            f"{percent(zeros)} of the weights are exactly zero."
        ),
        table(["part", ">parameters", ">share", ""], rows),
    ]
