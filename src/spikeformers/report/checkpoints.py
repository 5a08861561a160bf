"""Checkpoint files as text for the terminal: what one is, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from spikeformers.report.layout import bullets, heading, new_table, pairs
from spikeformers.report.text import count, word_value

if TYPE_CHECKING:
    from spikeformers.convert import Conversion, Inspection


def inspection(found: Inspection) -> RenderableType:
    """What a file is, and what it does not tell."""
    parts: list[RenderableType] = [Text(found.source, "bold cyan"), pairs(_facts(found))]
    if found.own is not None:
        parts += [heading("Configuration"), pairs(_words(found.shown))]
    if found.unknown:
        parts += [heading("Not told by any file for certain, assumed:"), pairs(_words(found.unknown))]
    if len(found.candidates) > 1:
        parts += [heading("Forms with these names and shapes, the likeliest first"), _candidates(found)]
    parts += bullets("No released form known here", found.problems)
    if found.command:
        parts.append(heading("Next"))
    return Group(*parts)


def next_commands(found: Inspection) -> list[str]:
    """What to run next, below `inspection`: lines for copying, which must not be folded."""
    name = (found.own or {}).get("name")
    about = f"spikeformers info {name}" if name else ""
    return [f"  {line}" for line in (found.command, about) if line]


def conversion(done: Conversion) -> RenderableType:
    """What became of a file."""
    dropped = f"{len(done.dropped)} tensors that the authors' models never use: {', '.join(done.dropped)}"
    facts = [
        ("from", done.source),
        ("SHA-256", done.sha256),
        ("system", done.system),
        ("form", done.variant),
        ("model", done.name or ""),
        ("parameters", count(done.parameters)),
        ("verified", f"{count(done.verified)} tensors come back under the authors' names bit for bit"),
        ("left behind", dropped if done.dropped else ""),
    ]
    parts: list[RenderableType] = [Text(done.out, "bold cyan"), pairs(facts)]
    if done.assumed:
        parts += [heading("Not told by the file, assumed:"), pairs(_words(done.assumed))]
    choice = "These have the same names and shapes; --system and --variant choose one of them"
    parts += bullets(choice, done.others)
    return Group(*parts)


def _facts(found: Inspection) -> list[tuple[str, str]]:
    own = found.own or {}
    return [
        ("checkpoint", "of this library" if found.own is not None else ""),
        ("model", str(own.get("name") or own.get("builds") or "")),
        ("system", found.system or ""),
        ("form", found.variant or ""),
        ("depth", word_value(found.depth)),
        ("width", word_value(found.width)),
        ("classes", word_value(found.num_classes)),
        ("input channels", word_value(found.in_channels)),
        ("head", found.head or ""),
        ("parameters", count(found.parameters) if found.parameters else ""),
        ("values", found.dtype),
        ("wrapped in", ", ".join(found.wrapping)),
    ]


def _candidates(found: Inspection) -> RenderableType:
    best, *_ = found.candidates
    table = new_table("system", "form", "differs from the first in")
    for candidate in found.candidates:
        other = {word: value for word, value in candidate.config.items() if best.config.get(word) != value}
        table.add_row(
            Text(candidate.system, "cyan"),
            candidate.variant,
            ", ".join(f"{word} {value}" for word, value in _words(other)),
        )
    return Padding(table, (0, 0, 0, 2), expand=False)


def _words(words: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(word, word_value(value)) for word, value in words.items()]
