"""Which decoded events a reader hands on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import recording


def keep(events: Events, sensor: Sensor | None, losses: Losses, start: int | None, stop: int | None) -> Events:
    """Return the events with start <= t < stop that `keep_possible` keeps."""
    return keep_possible(events[in_time(events["t"], start, stop)], sensor, losses)


def in_time(t: NDArray[np.int64], start: int | None, stop: int | None) -> NDArray[np.bool_]:
    """Return for which times start <= t < stop, bool `[N]`."""
    inside = np.ones(len(t), dtype=np.bool_)
    if start is not None:
        inside &= t >= start
    if stop is not None:
        inside &= t < stop
    return inside


def is_past(t: NDArray[np.int64], stop: int | None) -> bool:
    """Return whether all times of a block, and there are some, are `stop` or later, so that reading may end there.

    So a recording may be out of order over less than a block.
    """
    return stop is not None and len(t) > 0 and int(t.min()) >= stop


def keep_possible(events: Events, sensor: Sensor | None, losses: Losses) -> Events:
    """Return the events that lie on the sensor (None: anywhere) and at no time below 0, and count the others."""
    possible = events["t"] >= 0
    if not possible.all():
        losses.add("events of a time before the recording", int((~possible).sum()))
        events = events[possible]
    if sensor is not None:
        inside = sensor.holds(events)
        losses.add("events outside the sensor", int((~inside).sum()))
        events = events[inside]
    return events


def pieces(events: Events) -> Iterator[Events]:
    """Yield events, at most `CHUNK` at once."""
    for first in range(0, len(events), recording.CHUNK):
        yield events[first : first + recording.CHUNK]
