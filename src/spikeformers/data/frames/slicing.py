"""Where the events of one recording are cut into time steps.

All take the events' times in microseconds, `[N]`, in order: int64, or uint32 since any moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.addressed import Column


@dataclass(frozen=True, eq=False)
class Slices:
    """Time steps of a recording.

    Attributes:
        bounds: int64 `[T + 1]`; step i has the events bounds[i] .. bounds[i + 1] - 1.
        ends: int64 `[T]`, when each step ends, in microseconds on the clock of the times.
    """

    bounds: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Events in each step, `[T]`."""
        return np.diff(self.bounds)

    @property
    def each(self) -> int:
        """Events in every step, but maybe more in the last one; 0 where they differ or there are none."""
        borders, steps = self.bounds.tolist(), len(self.ends)
        each: int = borders[1] - borders[0] if steps else 0
        end = borders[0] + each * steps
        return each if each and borders[:-1] == [*range(borders[0], end, each)] and borders[-1] >= end else 0


def by_number(t: Column, time_steps: int) -> Slices:
    """Cut into time steps of equally many events.

    Each has floor(N / T) events and the last one the rest, too, as in the papers (SpikingJelly's split by number): with
    fewer events than time steps all of them are in the last. A step ends with its last event.
    """
    if not len(t):
        return _empty(time_steps)
    bounds = np.arange(time_steps + 1, dtype=np.int64) * (len(t) // time_steps)
    bounds[-1] = len(t)
    return Slices(bounds, t[np.maximum(bounds[1:] - 1, 0)].astype(np.int64))


def by_time(t: Column, time_steps: int) -> Slices:
    """Cut into equally long time steps.

    Step i holds the events from t[0] + i d on and before t[0] + (i + 1) d, where d = floor((t[-1] - t[0]) / T), and the
    last one all the rest: SpikingJelly's split by time. A step without events is empty; there, SpikingJelly 2.0 ends
    with an IndexError.
    """
    if not len(t):
        return _empty(time_steps)
    step = int(t[-1] - t[0]) // time_steps
    ends = t[0] + step * np.arange(1, time_steps + 1, dtype=np.int64)
    ends[-1] = t[-1]
    bounds = np.concatenate(([0], np.searchsorted(t, ends[:-1]), [len(t)])).astype(np.int64)
    return Slices(bounds, ends)


def by_duration(t: Column, window: int, time_steps: int | None = None) -> Slices:
    """Cut into windows of a fixed number of microseconds, the first of which begins with the first event.

    Args:
        time_steps: how many windows; later events are left out, and windows behind the last event are empty. None: as
            many as there are events for.
    """
    if not len(t):
        return _empty(time_steps or 0)
    count = int(t[-1] - t[0]) // window + 1 if time_steps is None else time_steps
    borders = t[0] + window * np.arange(count + 1, dtype=np.int64)
    return Slices(np.searchsorted(t, borders).astype(np.int64), borders[1:])


def cut(t: Column, split_by: str, time_steps: int, window: int) -> Slices:
    """Cut as the word says: "number", "time", or "duration" for windows of `window` microseconds."""
    if split_by == "number":
        return by_number(t, time_steps)
    return by_time(t, time_steps) if split_by == "time" else by_duration(t, window, time_steps)


def _empty(time_steps: int) -> Slices:
    return Slices(np.zeros(time_steps + 1, dtype=np.int64), np.zeros(time_steps, dtype=np.int64))
