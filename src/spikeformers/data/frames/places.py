"""Where in all frames of a recording an event belongs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.addressed import Addressed
from spikeformers.data.frames.slicing import Slices


def step_places(addressed: Addressed, slices: Slices) -> NDArray[np.int64]:
    """Return the place in flat frames `[T, P, H, W]` of each event that is in a time step."""
    size = addressed.sensor.size
    places = addressed.addresses[slices.bounds[0] : slices.bounds[-1]].astype(np.int64)
    places += np.repeat(np.arange(0, size * len(slices.ends), size), slices.counts)
    return places
