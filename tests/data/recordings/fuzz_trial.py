"""One reading of a damaged recording, and whether it kept the promises of `Recording`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeformers.data.events.array import EVENT, Events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.opening import open_recording
from spikeformers.data.recordings.recording import CHUNK
from spikeformers.errors import DataError
from tests.data.recordings.fuzz_damage import Case

PLACED = "events outside the sensor"


class Broken(AssertionError):
    """A promise was not kept."""


@dataclass(frozen=True)
class Outcome:
    """What came of a reading: how many events, what was lost; refused: with a DataError."""

    events: int
    losses: dict[str, int]
    refused: bool


def read_case(case: Case, folder: Path) -> Outcome:
    """Read a case and check it.

    Raises:
        Broken: events that cannot be, or a loss that was not counted.
        Exception: what the reader should not have raised.
    """
    path = folder / case.format.name
    path.write_bytes(case.content)
    losses = Losses()
    try:
        recording = open_recording(path, format=case.word, sensor=case.sensor)
        parts = list(recording.chunks(losses, start=case.start, stop=case.stop))
    except DataError:
        if case.damage in ("none", "out of range", "unordered"):
            raise
        return Outcome(0, losses.reasons, refused=True)
    events = np.concatenate([np.empty(0, EVENT), *parts])
    _check_events(case, parts, events)
    if any(count < 0 for count in losses.reasons.values()):
        raise Broken(f"a negative loss: {losses}")
    check = {"none": _whole, "unordered": _whole, "out of range": _placed, "cut off": _begun}.get(case.damage)
    if check is not None:
        check(case, events, losses)
    return Outcome(len(events), losses.reasons, refused=False)


def _check_events(case: Case, parts: list[Events], events: Events) -> None:
    if any(part.dtype != EVENT or len(part) > CHUNK for part in parts):
        raise Broken("a chunk of another type, or too long")
    if case.sensor is not None and not case.sensor.holds(events).all():
        raise Broken("an event outside the sensor")
    early = case.start is not None and (events["t"] < case.start).any()
    if early or (case.stop is not None and (events["t"] >= case.stop).any()):
        raise Broken("an event outside the window of time")


def _whole(case: Case, events: Events, losses: Losses) -> None:
    if losses or not np.array_equal(events, case.events):
        raise Broken(f"{len(events)} of {len(case.events)} events of a sound file, lost: {losses}")


def _placed(case: Case, events: Events, losses: Losses) -> None:
    assert case.sensor is not None
    expected = case.events[case.sensor.holds(case.events)]
    outside = len(case.events) - len(expected)
    if not np.array_equal(events, expected) or losses.reasons != ({PLACED: outside} if outside else {}):
        raise Broken(f"{len(events)} of {len(expected)} events inside, {outside} outside, lost: {losses}")


def _begun(case: Case, events: Events, losses: Losses) -> None:
    """Check what remains of a file that was cut off: its begin, and a loss where that can be known."""
    if case.word == "csv":
        lines = [line for line in case.content.split(b"\n") if line and line[:1] not in b"#%pt"]
        if len(events) + sum(losses.reasons.values()) != len(lines):
            raise Broken(f"{len(events)} events out of {len(lines)} lines, lost: {losses}")
        return
    if not np.array_equal(events, case.events[: len(events)]):
        raise Broken("the events are not the begin of the file")
    if len(events) < len(case.events) and not losses and not _unknowable(case):
        raise Broken(f"{len(events)} of {len(case.events)} events, and no loss counted")


def _unknowable(case: Case) -> bool:
    """Return whether the file may end here: after a line of the header that may be its last, or after a record.

    A file of packets without a table of them may end after each.
    """
    if case.word in ("hdf5", "npz"):
        return False
    if case.word == "aedat4":
        return "never closed" in case.name
    if len(case.content) < case.header:
        in_words = case.word == "evt3" and len(case.content) >= case.header - 4  # it begins with two words of time
        return in_words or (case.word in ("aedat2", "evt2", "evt3") and case.content[-1:] in (b"", b"\n"))
    return (len(case.content) - case.header) % case.format.unit == 0
