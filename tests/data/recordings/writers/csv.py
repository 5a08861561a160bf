"""Events as lines of text."""

from __future__ import annotations

from pathlib import Path

from spikeformers.data.events.array import Events


def write_csv(
    path: Path, events: Events, *, separator: str = ",", header: str | None = None, order: str = "txyp"
) -> Path:
    """Write a line per event, columns in this order."""
    lines = [header] if header is not None else []
    lines += [separator.join(str(event[name]) for name in order) for event in events]
    path.write_text("".join(line + "\n" for line in lines))
    return path
