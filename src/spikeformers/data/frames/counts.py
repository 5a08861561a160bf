"""Frames that count events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor


def count_frames(events: Events, bounds: NDArray[np.int64], sensor: Sensor) -> NDArray[np.float32]:
    """Return how many events each pixel has in each time step, `[T, P, H, W]`.

    Args:
        events: in the order the bounds cut, all on the sensor.
        bounds: `[T + 1]`; time step i holds the events bounds[i] .. bounds[i + 1] - 1.
    """
    steps, pixels = len(bounds) - 1, sensor.polarities * sensor.height * sensor.width
    places = (events["p"].astype(np.int64) * sensor.height + events["y"]) * sensor.width + events["x"]
    places[bounds[0] : bounds[-1]] += np.repeat(np.arange(steps), np.diff(bounds)) * pixels
    counts = np.bincount(places[bounds[0] : bounds[-1]], minlength=steps * pixels)
    return counts.astype(np.float32).reshape(steps, sensor.polarities, sensor.height, sensor.width)
