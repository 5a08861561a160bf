"""The spike audit as text and tables for the terminal: what needs additions only, what does not, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from spikeformers.report.layout import NarrowingTable, heading, new_table, pairs
from spikeformers.report.samples import IMAGE, Noun
from spikeformers.report.text import count, percent

if TYPE_CHECKING:  # results come from rooms that import torch
    from spikeformers.measure import Audit, Audited, Seen, Verdict

COLOURS: dict[Verdict, str] = {"additions only": "green", "integer": "yellow", "real": "red"}
_EVIDENCE = (
    "proof: holds for every input of this size, from the structure of the model and what its neurons can emit; "
    "observed: so on these inputs; declared: neither, what was seen here needs less"
)

_UNROLLING = "An integer from 0 to n can also be sent as n spikes, one after the other: --form unrolled audits that."


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Layers that are not additions only for the same reason.

    Args:
        verdict: on all of them.
        layers: their names; a "*" stands for the numbers in which several differ, in `why` for what they are part of.
        calls: how many calls of operations that are.
        share: of the model's dense operations.
        highest: largest integer seen; None where real numbers were.
        why: a sentence, that of the last of them where they differ in numbers only.
    """

    verdict: Verdict
    layers: tuple[str, ...]
    calls: int
    share: float
    highest: int | None
    why: str


def reasons(audit: Audit) -> list[Reason]:
    """Why what is not additions only is not, layers of the same kind together, in order of execution."""
    alike: dict[tuple[Verdict, str], list[Audited]] = {}
    for row in (*audit.violations, *audit.entries):
        alike.setdefault((row.verdict, _general(row.name)), [])
    for row in audit.rows:
        if (row.verdict, _general(row.name)) in alike:
            alike[row.verdict, _general(row.name)].append(row)
    told: dict[tuple[Verdict, str], dict[str, list[Audited]]] = {}
    for (verdict, _), rows in alike.items():
        spokesman = next((row for row in rows if row.violation), rows[-1])
        name, why = _together([row.name for row in rows]), spokesman.why
        if len({row.name for row in rows}) > 1:
            why = _general(why.replace(f"{spokesman.name.rpartition('.')[0]}.", "*."))
        told.setdefault((verdict, why), {})[name] = rows
    return [_reason(audit, verdict, why, layers) for (verdict, why), layers in told.items()]


def _reason(audit: Audit, verdict: Verdict, why: str, layers: Mapping[str, list[Audited]]) -> Reason:
    rows = [row for each in layers.values() for row in each]
    seen = [operand for row in rows for operand in row.seen]
    return Reason(
        verdict=verdict,
        layers=tuple(layers),
        calls=len(rows),
        share=sum(row.operations for row in rows) / (audit.operations or 1),
        highest=None if any(each.highest is None for each in seen) else max(each.highest or 0 for each in seen),
        why=why,
    )


def _together(names: Sequence[str]) -> str:
    """Names that differ in numbers only as one, with a "*" for each number that is not the same in all."""
    parts = zip(*(name.split(".") for name in names), strict=True)
    return ".".join(words[0] if len(set(words)) == 1 else "*" for words in parts)


def _general(text: str) -> str:
    """The text with a "*" for each number in the names of modules."""
    return re.sub(r"and \d+ more", "and more", re.sub(r"(?<=\.)\d+(?=\.|$)", "*", text))


def conclusion(audit: Audit, noun: Noun = IMAGE) -> str:
    """Whether a model is spike-driven, in one paragraph."""
    shares = ", ".join(
        f"{percent(audit.share(verdict))} {words}"
        for verdict, words in _SHARES.items()
        if verdict == "additions only" or audit.share(verdict)
    )
    told = f"{_answer(audit)} Of its {count(audit.operations / audit.samples)} operations per {noun.one} {shares}."
    proven = sum(row.evidence == "proof" for row in audit.rows)
    told += f" {proven} of {len(audit.rows)} verdicts are proven for every input of this size"
    samples = f"{count(audit.samples)} {noun.counted(audit.samples)}"
    others = f", the others rest on what {samples} showed and what the layers declare"
    told += "." if proven == len(audit.rows) else f"{others}."
    if audit.uncounted:
        told += f" Not audited, because nothing is known about what they do: {', '.join(audit.uncounted)}."
    return told


_SHARES: dict[Verdict, str] = {
    "additions only": "are additions only",
    "integer": "multiply integers",
    "real": "multiply real numbers",
}


def _answer(audit: Audit) -> str:
    if not audit.rows:
        return "Nothing could be audited."
    if not audit.entries:
        return "Spike-driven throughout: every operation needs additions only."
    if not audit.inner:
        ends = ", ".join(dict.fromkeys(row.name for row in audit.entries))
        return f"Spike-driven but for its ends ({ends})."
    if not audit.share("additions only"):
        return "Not spike-driven: no operation needs additions only."
    layers = len({row.name for row in audit.inner})
    which = "one layer between its ends multiplies" if layers == 1 else f"{layers} layers between its ends multiply"
    return f"Not spike-driven throughout: {which} integers or real numbers."


def audit_tables(audit: Audit, label: str, form: str, on: str, noun: Noun = IMAGE) -> RenderableType:
    """Everything about one model.

    Args:
        label: of the model.
        form: that was audited, such as "norms fused".
        on: what it was audited on, in words.
        noun: what the samples are called.
    """
    facts = [("model", audit.name), ("form", form), ("audited on", on)]
    parts: list[RenderableType] = [heading(f"Spike audit: {label}"), pairs(facts)]
    parts += [violations(audit), heading("Every layer"), _layers(audit), Text(_EVIDENCE, "dim")]
    if audit.entries:
        parts += [heading("What is not additions only, and why"), _reasons(audit)]
    parts += [heading("Is it spike-driven?"), Padding(Text(conclusion(audit, noun)), (0, 0, 0, 2))]
    if audit.share("integer") and "unrolled" not in form:
        parts.append(Text(f"\n{_UNROLLING}", "dim"))
    return Group(*parts)


def violations(audit: Audit) -> RenderableType:
    """What saw more than it is declared to, loudly; nothing where all kept to it."""
    if not audit.violations:
        return Group()
    told = [f"  {name}: {rows[0].why}" for name, rows in _by_name(audit.violations)]
    return Group(heading("DECLARATIONS BROKEN"), Text("\n".join(told), "bold red"))


def side_by_side(audits: Mapping[str, Audit], noun: Noun = IMAGE) -> RenderableType:
    """The shares of several models."""
    table = new_table("model", ">additions only", ">integer", ">real", f">of operations per {noun.one}", ">violations")
    for label, audit in audits.items():
        shares = (percent(audit.share(verdict)) for verdict in COLOURS)
        broken = Text(str(len(audit.violations)), "bold red" if audit.violations else "")
        table.add_row(Text(label, "cyan"), *shares, count(audit.operations / audit.samples), broken)
    return Group(heading("Side by side"), table)


def _layers(audit: Audit) -> RenderableType:
    headers = ("layer", "operation", "declared", "seen", "verdict", "evidence")
    return NarrowingTable(headers, _cells(audit), ("operation", "declared"))


def _cells(audit: Audit) -> Iterator[list[RenderableType]]:
    for _, rows in _by_name(audit.rows):
        for alike in _alike(rows):
            row, calls = alike[0], f" ({len(alike)} calls)" if len(alike) > 1 else ""
            verdict = Text(row.verdict, COLOURS[row.verdict])
            if row.violation:
                verdict.append(" VIOLATION", "bold red")
            yield [
                Text(f"{row.name}{calls}"),
                row.kind,
                " x ".join(row.declared).strip(" x") or "nothing",
                " x ".join(seen(operands) for operands in zip(*(each.seen for each in alike), strict=True)),
                verdict,
                row.evidence,
            ]


def seen(calls: Sequence[Seen]) -> str:
    """What an operand held over several calls: kind, largest integer, and firing rate (of reals the share not zero)."""
    kind = max((each.kind for each in calls), key=("binary", "ternary", "integer", "real").index)
    elements = sum(each.elements for each in calls)
    if kind == "real":
        return f"real, {percent(1 - sum(each.zeros for each in calls) / elements, 1)} not 0"
    rate = sum(each.total or 0 for each in calls) / elements
    if kind == "integer":
        return f"integer to {max(each.highest or 0 for each in calls)}, mean {rate:.3f}"
    return f"{kind}, {percent(rate, 1)}"


def _by_name(rows: Sequence[Audited]) -> Iterator[tuple[str, list[Audited]]]:
    named: dict[str, list[Audited]] = {}
    for row in rows:
        named.setdefault(row.name, []).append(row)
    yield from named.items()


def _alike(rows: Sequence[Audited]) -> Iterator[list[Audited]]:
    """Calls of one layer, those with the same verdict for the same reasons together."""
    for _, alike in groupby(rows, key=lambda row: (row.verdict, row.evidence, row.declared, row.violation)):
        yield list(alike)


def _reasons(audit: Audit) -> RenderableType:
    table = new_table("verdict", ">share", ">largest", "layers", "why")
    for reason in reasons(audit):
        table.add_row(
            Text(reason.verdict, COLOURS[reason.verdict]),
            percent(reason.share),
            "" if reason.highest is None else str(reason.highest),
            Text("\n".join(reason.layers)),
            Text(reason.why),
        )
    return table


def audit_rows(audits: Mapping[str, tuple[str, Audit]]) -> Iterator[dict[str, Any]]:
    """A row for each model and call of an operation, for a table of a spreadsheet.

    Args:
        audits: from the label of a model to its form and its audit.
    """
    for label, (form, audit) in audits.items():
        for row in audit.rows:
            yield {
                "model": label,
                "form": form,
                "layer": row.name,
                "call": row.call,
                "kind": row.kind,
                "declared": " x ".join(row.declared),
                "proven": " x ".join(row.proven),
                "seen": " x ".join(each.kind for each in row.seen),
                "highest": " x ".join("" if each.highest is None else str(each.highest) for each in row.seen),
                "rate": " x ".join(f"{each.rate:.6g}" for each in row.seen),
                "verdict": row.verdict,
                "evidence": row.evidence,
                "violation": row.violation,
                "operations_per_image": row.operations / audit.samples,
                "source": row.source,
                "why": row.why,
            }
