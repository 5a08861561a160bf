"""The whole page: one HTML document, and the figures on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files

from spikeformers.report.page import (
    accelerators,
    accuracy,
    audit,
    energy,
    examples,
    firing,
    measured,
    parameters,
    robustness,
    side_by_side,
)
from spikeformers.report.page.html import Content, Markup, tag
from spikeformers.report.page.parts import Plate, Sheet, breakable
from spikeformers.report.page.study import Facts, Study
from spikeformers.report.page.summary import origin, summary

# What a page may do: show its own styles, its one script and pictures inside it; nothing from anywhere else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
SECTIONS: dict[str, tuple[str, Callable[[Study, Sheet], Content]]] = {
    "accuracy": ("Accuracy", accuracy.section),
    "parameters": ("Parameters", parameters.section),
    "energy": ("Energy", energy.section),
    "firing": ("Firing", firing.section),
    "examples": ("Examples", examples.section),
    "audit": ("Spike audit", audit.section),
    "accelerators": ("Accelerators", accelerators.section),
    "robustness": ("Robustness", robustness.section),
}


def document(studies: Sequence[Study], facts: Facts) -> tuple[str, list[Plate]]:
    """A page about one model, or several side by side.

    Args:
        studies: at least one; their labels differ.
        facts: how the page came to be.

    Returns:
        The HTML, and every figure on it.
    """
    several = len(studies) > 1
    numbers = range(1, len(studies) + 1)
    sheets = [Sheet(prefix=f"m{index}", level=3) if several else Sheet(prefix="") for index in numbers]
    title = " and ".join(study.name for study in studies) if len(studies) < 4 else f"{len(studies)} models"
    body = [
        side_by_side.header(studies, sheets) if several else None,
        [_article(study, sheet) for study, sheet in zip(studies, sheets, strict=True)],
        measured.section(studies, facts),
    ]
    page = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("title", f"{title}: report"),
            tag("style", _asset("page.css")),
        ),
        tag("body", tag("main", body), tag("script", _asset("page.js"))),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n", [plate for sheet in sheets for plate in sheet.plates]


def _article(study: Study, sheet: Sheet) -> Markup:
    level, below = f"h{sheet.level - 1}", f"h{sheet.level}"
    shown = {
        key: tag("section", tag(below, title), make(study, sheet), id=sheet.id(key))
        for key, (title, make) in SECTIONS.items()
        if key != "robustness" or study.robustness is not None
    }
    links = [tag("li", tag("a", SECTIONS[key][0], href=f"#{sheet.id(key)}")) for key in shown]
    return tag(
        "article",
        tag(
            "header",
            tag("p", study.label, class_="kicker"),
            tag(level, breakable(study.name)),
            origin(study),
            summary(study),
        ),
        tag("nav", tag("ol", links), aria_label=f"Sections about {study.label}"),
        list(shown.values()),
        id=sheet.id("model"),
    )


def _asset(name: str) -> Markup:
    return Markup(files("spikeformers.report.page").joinpath(name).read_text(encoding="utf-8"))
