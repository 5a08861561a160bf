"""Counters of time with few bits, which begin again at 0 when they are full."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass
class Counter:
    """Makes times that go on of what a counter of `bits` bits said, also over several calls.

    A step back by more than half of the range is a new lap of the counter, and such a step forward is one back to the
    lap before; any other step is taken as it is. So a single damaged value does not move the values after it. It needs
    a value at least every half range, and gives values below 0 where something lies before the first lap.

    Attributes:
        laps: how often the counter has been full.
        last: what it said last; None: nothing yet.
    """

    bits: int
    laps: int = 0
    last: int | None = None

    @property
    def now(self) -> int | None:
        """The last value, going on; None: there was none."""
        return None if self.last is None else self.laps * (1 << self.bits) + self.last

    def unwrap(self, values: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return values of the counter, int64 `[N]`, as values that go on, and remember where it is at their end."""
        said = values.astype(np.int64)
        if not len(said):
            return said
        steps = np.diff(said, prepend=said[0] if self.last is None else self.last)
        half = 1 << (self.bits - 1)
        laps = self.laps + np.cumsum((steps < -half).astype(np.int64) - (steps > half))
        self.laps, self.last = int(laps[-1]), int(said[-1])
        going_on: NDArray[np.int64] = (laps << self.bits) + said
        return going_on
