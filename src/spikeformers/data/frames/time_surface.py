"""Time surface: how long ago each pixel had its last event."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.frames.addresses import step_addresses
from spikeformers.data.frames.slicing import Slices


def time_surface(events: Events, slices: Slices, sensor: Sensor, tau: float) -> NDArray[np.float32]:
    """Return e^(-(t - t_last) / tau) at the end t of each time step, `[T, P, H, W]`; 0 where no event was yet.

    The last event may lie in an earlier step (Lagorce et al., HOTS, 2017).

    Args:
        events: in the order of time, all on the sensor.
        tau: in microseconds.
    """
    shape = (len(slices.bounds) - 1, sensor.polarities, sensor.height, sensor.width)
    last = np.full(shape, -np.inf)
    # Of several events at one place the last one is what stays: numpy assigns in order.
    last.reshape(-1)[step_addresses(events, slices.bounds, sensor)] = events["t"][slices.bounds[0] : slices.bounds[-1]]
    np.maximum.accumulate(last, axis=0, out=last)
    last -= slices.ends.reshape(-1, 1, 1, 1)
    last /= tau
    surface: NDArray[np.float32] = np.exp(last, out=last).astype(np.float32)
    return surface
