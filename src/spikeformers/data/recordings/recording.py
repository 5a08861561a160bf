"""What every reader of event recordings offers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from spikeformers.data.events.array import Events, Sensor, in_time_order, no_events
from spikeformers.data.events.losses import Losses

CHUNK = 1 << 16  # events a reader yields at once, at most, where the format does not set another limit


class Recording(Protocol):
    """A recording on disk. Opening it reads its header only, and every pass opens and closes the file by itself."""

    @property
    def path(self) -> Path: ...

    @property
    def sensor(self) -> Sensor | None:
        """The camera's size, where the header or the format says it."""
        ...

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        """Yield the events in the order of the file, at most `CHUNK` or one packet of the format at once.

        Memory does not grow with the file. Times are unwrapped: where a counter of the camera overflows, they go on.
        What is damaged is left out and counted.

        Args:
            losses: counts what is left out in this pass.
            start, stop: microseconds of the recording's own clock; only events with start <= t < stop are yielded.
                Where the format allows, what lies before `start` is not read.

        Raises:
            DataError: the file cannot be read at all.
        """
        ...


def read_whole(recording: Recording, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Events:
    """Return all events of a recording in the order of time, and those at the same time in the order of the file.

    Events that lie before a predecessor are put in their place, and counted as "events out of time order (sorted)".
    """
    return in_order(list(recording.chunks(losses, start=start, stop=stop)), losses)


def in_order(parts: Sequence[Events], losses: Losses) -> Events:
    """Return events that were read in parts as one array in the order of time; see `read_whole`."""
    events = np.concatenate(parts) if parts else no_events()
    if in_time_order(events):
        return events
    late = np.maximum.accumulate(events["t"]) > events["t"]
    losses.add("events out of time order (sorted)", int(late.sum()))
    ordered: Events = events[np.argsort(events["t"], kind="stable")]
    return ordered
