"""The end of the page: how everything on it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spikeformers.report.page.html import Content, Markup, tag
from spikeformers.report.page.parts import bullets, code, paragraph
from spikeformers.report.samples import shared

if TYPE_CHECKING:
    from spikeformers.report.page.study import Facts, Study


def section(studies: Sequence[Study], facts: Facts) -> Markup:
    """The command that repeats the page, the programs, and what was looked at."""
    looked: list[Content] = [
        [
            code(study.label),
            f": accuracy on all test {study.noun.many} of {study.dataset}; everything else on {study.on}.",
        ]
        for study in studies
    ]
    many = shared(study.noun for study in studies).many
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    return tag(
        "section",
        tag("h2", "How this was measured"),
        paragraph("The command that made this page: ", tag("code", facts.command)),
        paragraph(f"Programs: {versions}."),
        bullets(looked),
        paragraph(
            f"Where not all {many} were looked at, they are spread evenly over the test part. No "
            "figure depends on the speed of the machine. Energy and frames per second are estimates from counted "
            "operations; no device was measured."
        ),
        id="measured",
    )
