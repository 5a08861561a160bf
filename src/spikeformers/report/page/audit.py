"""The spike audit on the page: whether additions suffice, and where not, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from spikeformers.report.figures.layers import layer
from spikeformers.report.page.html import Content, Markup, tag
from spikeformers.report.page.parts import (
    Cell,
    Row,
    Sheet,
    bullets,
    call_of,
    code,
    details,
    operands,
    paragraph,
    share_bar,
    table,
)
from spikeformers.report.samples import IMAGE, Noun
from spikeformers.report.text import UNKNOWN, count, percent

if TYPE_CHECKING:
    from spikeformers.measure import Audit, Audited, Verdict
    from spikeformers.report.page.study import Study

NAMED = 6  # layers of a line; all are in the tables below
INPUT, HEAD = "the model's input", "head"
MEANING: dict[Verdict, str] = {
    "additions only": "weights meet spikes (0, 1 or −1), or spikes choose which integers are added",
    "integer": "weights meet integers: an integer n takes n additions, or one multiplication",
    "real": "weights meet real numbers: multiplications",
}
LOOK = {"additions only": "plain", "integer": "integer", "real": "real"}
EVIDENCE = {"proof": "proven", "observed": "seen", "declared": "declared, not seen"}


def section(study: Study, sheet: Sheet) -> Content:
    """Shares of the verdicts, the entries of other computation, and every operation."""
    audit = study.audit
    shares: list[Row] = []
    for verdict, meaning in MEANING.items():
        share = audit.share(verdict)
        rows = [row for row in audit.rows if row.verdict == verdict]
        shares.append(
            [badge(verdict), Cell(percent(share, 1), share), share_bar(share), Cell(str(len(rows)), len(rows)), meaning]
        )
    return [
        paragraph(
            "Spike-driven means that weights meet spikes only, so that additions suffice. ",
            tag("b", f"{answer(audit, study.noun)}. "),
            "Each convolution, linear, product and mask is judged by what it is fed "
            f"({study.profile.deployed.label}). "
            "Where the structure of the model proves it, the verdict holds for every input of this size; otherwise it "
            f"rests on {study.on}.",
        ),
        table(["verdict", ">of the arithmetic", "", ">operations", "meaning"], shares, stack=True),
        bullets(_violations(audit)) if audit.violations else None,
        _entries(audit, sheet),
        details(f"All {len(audit.rows)} audited operations", _every(audit, study.noun)),
    ]


def answer(audit: Audit, noun: Noun = IMAGE) -> str:
    """Whether a model is spike-driven, in three words or so."""
    kinds = {INPUT if row.source == INPUT else HEAD if row.name.split(".")[0] == HEAD else "" for row in audit.entries}
    if "" in kinds and audit.share("additions only"):
        return "Not everywhere"
    if "" in kinds:
        return "With integers in place of spikes" if audit.share("integer") > audit.share("real") else "Nowhere"
    words = [
        word for kind, word in ((INPUT, f"the layer that sees the {noun.one}"), (HEAD, "the head")) if kind in kinds
    ]
    return f"Yes, but for {' and '.join(words)}" if words else "Yes, everywhere"


def where(audit: Audit) -> list[Content]:
    """For each verdict but additions: its share and the layers, those of all blocks as one."""
    lines: list[Content] = []
    for verdict, words in (("integer", "integers"), ("real", "real numbers")):
        rows = [row for row in audit.entries if row.verdict == verdict]
        if rows:
            share = sum(row.operations for row in rows) / audit.operations
            highest = _highest(rows) if verdict == "integer" else ""
            lines.append([tag("b", f"{percent(share, 1)} {words}{highest}"), " in ", places(rows)])
    return lines


def places(rows: Iterable[Audited]) -> Content:
    """The layers of some rows, by name."""
    names = _patterns(rows, layer)
    listed: list[Content] = [[", " if index else None, code(name)] for index, name in enumerate(names[:NAMED])]
    return [*listed, f" and {len(names) - NAMED} more" if len(names) > NAMED else None]


def badge(verdict: str) -> Markup:
    """A verdict, marked by colour and word."""
    return tag("span", verdict, class_=f"badge {LOOK[verdict]}")


def _highest(rows: Iterable[Audited]) -> str:
    largest = [operand.highest for row in rows for operand in row.seen if operand.highest is not None]
    return f" up to {max(largest)}" if any(largest) else ""


def _violations(audit: Audit) -> Iterable[Content]:
    for row in audit.violations:
        yield [code(row.name), f" saw {operands(row)}, more than it declares: {', '.join(row.declared)}."]


def _entries(audit: Audit, sheet: Sheet) -> Content:
    """Where other computation than additions enters; what differs by the number of a block only is said once."""
    if not audit.entries:
        return None
    groups: dict[tuple[str, str], list[Audited]] = {}
    for row in audit.entries:
        pattern = re.sub(r"\b\d+ more\b", "more", _starred(row.why))  # a deeper block has more sums before it
        groups.setdefault((row.verdict, pattern), []).append(row)
    rows: list[Row] = []
    for (verdict, pattern), members in groups.items():
        reasons = dict.fromkeys(row.why for row in members)
        share = sum(row.operations for row in members) / audit.operations
        names = [[tag("br") if index else None, code(name)] for index, name in enumerate(_patterns(members, str))]
        evidence = ", ".join(dict.fromkeys(EVIDENCE[row.evidence] for row in members))
        why = pattern if len(reasons) > 1 else members[0].why
        rows.append([names, badge(verdict), why, evidence, Cell(percent(share, 1), share)])
    return [
        sheet.heading("Where other computation enters, and why"),
        table(["operation", "verdict", "why", "evidence", ">share"], rows, stack=True),
    ]


def _patterns(rows: Iterable[Audited], name_of: Callable[[str], str]) -> list[str]:
    """Names, those that differ by a number only as one: blocks.*.mlp.expand."""
    groups: dict[str, set[str]] = {}
    for name in (name_of(row.name) for row in rows):
        groups.setdefault(_starred(name), set()).add(name)
    return [min(members) if len(members) == 1 else pattern for pattern, members in groups.items()]


def _starred(text: str) -> str:
    return re.sub(r"(?<=[a-z_])\.\d+(?=\.|\b)", ".*", text)


def _every(audit: Audit, noun: Noun) -> Markup:
    rows: list[Row] = [
        [
            call_of(row.name, row.call),
            row.kind,
            badge(row.verdict),
            EVIDENCE[row.evidence],
            " × ".join(each or UNKNOWN for each in row.declared),
            " × ".join(each or UNKNOWN for each in row.proven),
            operands(row),
            Cell(count(row.operations / audit.samples), row.operations),
        ]
        for row in audit.rows
    ]
    headers = ["operation", "kind", "verdict", "evidence", "declared", "proven", "seen", f">operations per {noun.one}"]
    return table(headers, rows)
