"""Data sets and the state of a user's copy of one, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from spikeformers.report.layout import bullets, heading, new_table, pairs
from spikeformers.report.text import count

if TYPE_CHECKING:
    from spikeformers.data.event_sets.check import Check, PartCheck
    from spikeformers.data.event_sets.event_set import EventSet

NAMED = 5
FEW_CLASSES = 20
UNKNOWN = "–"


def event_set_list(sets: Sequence[EventSet], others: Sequence[str]) -> RenderableType:
    """What there is in recordings of events, and where to get it.

    Args:
        others: names of data sets of pictures.
    """
    parts: list[RenderableType] = []
    for each in sets:
        sizes = ", ".join(f"{count(size)} {part}" for part, size in each.sizes.items()) or "any size"
        facts = [("holds", each.about), ("recordings", sizes), ("from", each.source), ("licence", each.licence)]
        parts += [Text(each.name, "bold cyan"), pairs([*facts, ("layout", each.layout)]), Text()]
    return Group(*parts, Text(f"Data sets of pictures: {', '.join(others)}", "dim"))


def check_result(check: Check) -> RenderableType:
    """What of a data set lies in a directory, what was read of it, and what to do."""
    facts = [("directory", str(check.directory)), ("data set", f"{check.name} ({check.title})")]
    return Group(
        pairs(facts),
        heading("Recordings"),
        _parts(check.parts),
        *_classes(check.parts),
        *_contents(check),
        *bullets("To do", _to_do(check)),
        *bullets("Notes", check.notes),
        Text(),
        _verdict(check),
    )


def _parts(parts: Sequence[PartCheck]) -> RenderableType:
    table = new_table("part", ">found", ">release", ">missing", ">unknown", "")
    for part in parts:
        table.add_row(
            part.part,
            count(part.found),
            UNKNOWN if part.expected is None else count(part.expected),
            count(max(len(part.missing), (part.expected or 0) - part.found)),
            count(len(part.extra)),
            Text("complete", "green") if part.complete else Text("not complete", "yellow"),
        )
    return table


def _classes(parts: Sequence[PartCheck]) -> list[RenderableType]:
    counted = [part for part in parts if part.by_class]
    if not counted or len(counted[0].by_class) > FEW_CLASSES:
        ranges = [
            f"{part.part}: {len(part.by_class)} classes, {min(part.by_class.values())} to "
            f"{max(part.by_class.values())} recordings each"
            for part in counted
        ]
        return bullets("By class", ranges)
    table = new_table("class", *(f">{part.part}" for part in counted))
    for name in counted[0].by_class:
        table.add_row(Text(name), *(_class_count(part, name) for part in counted))
    return [heading("By class"), table]


def _class_count(part: PartCheck, name: str) -> Text:
    found = part.by_class[name]
    if name not in part.wrong_classes:
        return Text(count(found))
    return Text(f"{count(found)} of {count(part.wrong_classes[name][1])}", "yellow")


def _contents(check: Check) -> list[RenderableType]:
    splits = ", ".join(f"{name} ({'as shipped' if right else 'DAMAGED'})" for name, right in check.splits.items())
    if not check.read:
        return [pairs([("split lists", splits)])]
    losses = ", ".join(f"{count(times)} {reason}" for reason, times in check.losses.items()) or "nothing"
    facts = [
        ("read", f"{count(check.read)} recordings, {count(check.events)} {check.unit}"),
        ("left out or put right", losses),
        (f"without any {check.unit}", f"{count(len(check.empty))}  {_named(check.empty)}" if check.empty else "0"),
        ("cannot be read", count(len(check.unreadable))),
        ("split lists", splits),
    ]
    return [heading("Contents"), pairs(facts)]


def _to_do(check: Check) -> list[str]:
    lines = [f"{part.part} part: {part.why}" for part in check.parts if part.why]
    for part in check.parts:
        lines += [f"{part.part} part: {line}" for line in _to_do_of(part)]
    if check.unreadable:
        lines.append(f"fetch these again: {_named(check.unreadable)}")
    if not all(check.splits.values()):
        lines.append("install spikeformers again: a list it ships is damaged")
    return lines


def _to_do_of(part: PartCheck) -> list[str]:
    if part.complete or part.why:
        return []
    lines = []
    if part.missing:
        lines.append(f"add {count(len(part.missing))} that are missing: {_named(part.missing)}")
    if part.extra:
        lines.append(f"the release has no {_named(part.extra)}; remove what is not of it")
    if part.wrong_classes and not part.missing:
        lines.append(f"unpack these classes again: {_named(tuple(part.wrong_classes))}")
    return lines or [f"{count(part.found)} recordings instead of {count(part.expected or 0)}: unpack it again"]


def _verdict(check: Check) -> Text:
    if check.complete:
        return Text("Complete.", "bold green")
    if check.usable:
        return Text("Usable, but not the whole data set: figures on it are not figures on the release.", "bold yellow")
    return Text("Not usable.", "bold red")


def _named(names: Sequence[str]) -> str:
    more = f" and {count(len(names) - NAMED)} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
