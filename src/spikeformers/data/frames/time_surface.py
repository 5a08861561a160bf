"""Time surface: how long ago each pixel had its last event."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.addressed import Addressed
from spikeformers.data.frames.places import step_places
from spikeformers.data.frames.slicing import Slices


def time_surface(addressed: Addressed, slices: Slices, tau: float) -> NDArray[np.float32]:
    """Return e^(-(t - t_last) / tau) at the end t of each time step, `[T, P, H, W]`; 0 where no event was yet.

    The last event may lie in an earlier step (Lagorce et al., HOTS, 2017).

    Args:
        addressed: what the slices cut.
        tau: in microseconds.
    """
    last = np.full((len(slices.ends), *addressed.sensor.shape), -np.inf)
    # Of several events at one place the last one is what stays: numpy assigns in order.
    last.reshape(-1)[step_places(addressed, slices)] = addressed.times[slices.bounds[0] : slices.bounds[-1]]
    np.maximum.accumulate(last, axis=0, out=last)
    last -= slices.ends.reshape(-1, 1, 1, 1)
    last /= tau
    surface: NDArray[np.float32] = np.exp(last, out=last).astype(np.float32)
    return surface
