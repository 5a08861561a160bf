"""Recordings of events as terminal tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from spikeformers.report.layout import heading, pairs
from spikeformers.report.text import count, percent, short

if TYPE_CHECKING:
    from spikeformers.data.recordings.survey import Survey


def recording(survey: Survey, file: str, format: str) -> RenderableType:
    """What is in a recording, and what could not be read of it.

    Args:
        survey: of it.
        file, format: its name, and the word of its format.
    """
    facts = [("file", file), ("format", format), ("sensor", _sensor(survey)), ("events", count(survey.events))]
    facts += list(_times(survey))
    if survey.events and survey.smallest.polarities == 2:
        share = survey.brighter / survey.events
        facts.append(("polarity", f"{percent(share, 1)} brighter (ON), {percent(1 - share, 1)} darker (OFF)"))
    if survey.late:
        facts.append(("order", f"{count(survey.late)} events lie before a predecessor; they are sorted when framed"))
    lost = "\n".join(f"{count(number)} {reason}" for reason, number in survey.losses.items())
    return Group(heading("Recording"), pairs([*facts, ("lost", lost or "nothing")]))


def _times(survey: Survey) -> Iterator[tuple[str, str]]:
    if survey.first is None or survey.last is None:
        return
    yield "clock", f"{count(survey.first)} to {count(survey.last)} µs"
    yield "duration", f"{survey.duration:,.3f} s"
    if survey.rate is not None:
        rows = survey.smallest
        each = survey.rate / (rows.width * rows.height)
        yield "rate", f"{short(survey.rate)} events/s, {each:.3g} per pixel"


def _sensor(survey: Survey) -> str:
    if survey.sensor is not None:
        polarities = "" if survey.sensor.polarities == 2 else ", one polarity"
        return f"{survey.sensor.width} x {survey.sensor.height}{polarities}"
    if not survey.events:
        return "unknown"
    return f"unknown, its events fit into {survey.columns} x {survey.rows} (--sensor WxH says it)"
