"""Where the events of one recording are cut into time steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def by_number(count: int, time_steps: int) -> NDArray[np.int64]:
    """Return the bounds `[T + 1]` that cut `count` events into time steps of equally many.

    Each has floor(count / T) events and the last one the rest, too, as in the papers (SpikingJelly's split by number):
    with fewer events than time steps all of them are in the last.
    """
    bounds = np.arange(time_steps + 1, dtype=np.int64) * (count // time_steps)
    bounds[-1] = count
    return bounds
