"""Voxel grid: events shared between the time steps on either side of them (Zhu et al., CVPR 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.addressed import Addressed


def voxel_grid(addressed: Addressed, time_steps: int) -> NDArray[np.float32]:
    """Return frames `[T, P, H, W]` in which every event weighs 1 in all, bilinear in time.

    The first event lies on step 0 and the last on step T - 1, any other at s = (T - 1)(t - t[0]) / (t[-1] - t[0]); it
    gives max(0, 1 - |s - i|) to step i. The paper adds the polarities up with their signs; here each has a channel.
    """
    size = addressed.sensor.size
    grid = np.zeros(time_steps * size)
    if len(addressed):
        since = addressed.times - addressed.times[0]
        place = since * ((time_steps - 1) / max(1, int(since[-1])))
        before = np.minimum(place.astype(np.int64), time_steps - 1)
        share = place - before
        grid += np.bincount(addressed.addresses + before * size, weights=1.0 - share, minlength=len(grid))
        after = np.minimum(before + 1, time_steps - 1)  # on the last step there is no share left for a next one
        grid += np.bincount(addressed.addresses + after * size, weights=share, minlength=len(grid))
    return grid.astype(np.float32).reshape(time_steps, *addressed.sensor.shape)
