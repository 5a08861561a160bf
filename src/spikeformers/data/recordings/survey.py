"""What is in a recording, found in one pass over it in constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.recording import Recording


@dataclass(frozen=True, kw_only=True)
class Survey:
    """A recording in figures.

    Attributes:
        sensor: the camera's size; None where neither the file nor the user says it.
        columns, rows: the smallest sensor that holds all events; 0 where there are none.
        events, brighter: how many, and how many of them have p = 1.
        first, last: microseconds of the earliest and the latest event, on the recording's own clock; None where there
            are none.
        late: events that lie before a predecessor.
        losses: what was left out while reading, by reason.
    """

    sensor: Sensor | None
    columns: int
    rows: int
    events: int
    brighter: int
    first: int | None
    last: int | None
    late: int
    losses: dict[str, int]

    @property
    def duration(self) -> float:
        """Seconds from the first event to the last; 0 of fewer than two."""
        return 0.0 if self.first is None or self.last is None else (self.last - self.first) / 1e6

    @property
    def rate(self) -> float | None:
        """Events per second; None where no time passes."""
        return self.events / self.duration if self.duration else None

    @property
    def smallest(self) -> Sensor:
        """The camera, or where nobody says what it is, the smallest one that holds all events."""
        return self.sensor or Sensor(max(1, self.columns), max(1, self.rows))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, duration (seconds) and rate (events per second) included."""
        sensor = None if self.sensor is None else vars(self.sensor)
        return {**vars(self), "sensor": sensor, "duration": self.duration, "rate": self.rate}


def survey(recording: Recording, *, start: int | None = None, stop: int | None = None) -> Survey:
    """Read a recording once and say what is in it.

    Args:
        start, stop: microseconds of the recording's own clock: only start <= t < stop; see `Recording.chunks`.

    Raises:
        DataError: the file cannot be read at all.
    """
    losses = Losses()
    events = brighter = late = columns = rows = 0
    first: int | None = None
    last: int | None = None
    for chunk in recording.chunks(losses, start=start, stop=stop):
        if not len(chunk):
            continue
        late += _late(chunk, last)
        events += len(chunk)
        brighter += int((chunk["p"] == 1).sum())
        columns, rows = max(columns, int(chunk["x"].max()) + 1), max(rows, int(chunk["y"].max()) + 1)
        earliest, latest = int(chunk["t"].min()), int(chunk["t"].max())
        first = earliest if first is None else min(first, earliest)
        last = latest if last is None else max(last, latest)
    return Survey(
        sensor=recording.sensor,
        columns=columns,
        rows=rows,
        events=events,
        brighter=brighter,
        first=first,
        last=last,
        late=late,
        losses=losses.reasons,
    )


def _late(chunk: Events, latest: int | None) -> int:
    """How many events lie before one that came before them; `latest` is the time of the latest one so far."""
    before = np.maximum.accumulate(chunk["t"])
    if latest is not None:
        before = np.maximum(before, latest)
    return int((chunk["t"] < before).sum())
