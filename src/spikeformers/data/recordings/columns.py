"""Columns of numbers, as files hold them, to events; what can be no event is left out and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.column_names import UNITS
from spikeformers.data.recordings.keeping import in_time, is_past, keep_possible

Numbers = NDArray[Any]
ADDRESSES = 1 << 16  # what x and y of an event can hold
FURTHEST = 1 << 62  # microseconds; leaves room for differences of times


@dataclass(frozen=True)
class Sieve:
    """What one pass over a recording keeps: events on the sensor, with start <= t < stop (microseconds)."""

    sensor: Sensor | None
    losses: Losses
    start: int | None = None
    stop: int | None = None

    def events(self, t: Numbers, x: Numbers, y: Numbers, p: Numbers, unit: str) -> Events:
        """Return the events of four columns, each `[N]`, of integers, floats or booleans; p is -1 or 0, or 1.

        `unit` is the unit of the times, a word of `UNITS`.

        Counts "events with impossible numbers" (not finite, between two pixels, another polarity, a time beyond
        2^62 microseconds), "events outside the sensor", and what `keep_possible` counts.
        """
        sound = _whole(x) & _whole(y) & ((p == -1) | (p == 0) | (p == 1))
        times, timed = _microseconds(t, unit)
        sound &= timed
        self.losses.add("events with impossible numbers", int((~sound).sum()))
        asked = sound & in_time(times, self.start, self.stop)
        times, x, y, p = times[asked], x[asked], y[asked], p[asked]
        inside = (x >= 0) & (x < ADDRESSES) & (y >= 0) & (y < ADDRESSES)
        self.losses.add("events outside the sensor", int((~inside).sum()))
        events = make_events(times[inside], x[inside], y[inside], p[inside] > 0)
        return keep_possible(events, self.sensor, self.losses)

    def is_past(self, t: Numbers, unit: str) -> bool:
        """Return whether reading may end at a block with these times, as `keeping.is_past` has it."""
        if self.stop is None:
            return False
        times, timed = _microseconds(t, unit)
        return is_past(times[timed], self.stop)


def _whole(numbers: Numbers) -> NDArray[np.bool_]:
    if numbers.dtype.kind != "f":
        return np.ones(numbers.shape, dtype=bool)
    whole: NDArray[np.bool_] = np.isfinite(numbers) & (np.trunc(numbers) == numbers)
    return whole


def _microseconds(t: Numbers, unit: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return times in microseconds, rounded, int64, and which of them are sound."""
    numerator, denominator = UNITS[unit]
    limit = FURTHEST // numerator
    if t.dtype.kind == "f":
        t = t.astype(np.float64)  # half precision, as SHD has it, ends at 65504
        sound = np.isfinite(t) & (np.abs(t) < limit)
        return np.rint(np.where(sound, t, 0) * numerator / denominator).astype(np.int64), sound
    sound = (t < limit) if t.dtype.kind in "ub" else (t > -limit) & (t < limit)
    return (np.where(sound, t, 0).astype(np.int64) * numerator + denominator // 2) // denominator, sound
