"""Frames that count events, or tell where there were any."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.frames.addresses import step_addresses
from spikeformers.data.frames.slicing import Slices

ONE = torch.ones(())


def count_frames(events: Events, slices: Slices, sensor: Sensor) -> NDArray[np.float32]:
    """Return how many events each pixel has in each time step, `[T, P, H, W]`.

    Args:
        events: in the order the slices cut, all on the sensor.
    """
    frames = np.zeros((len(slices.bounds) - 1, sensor.polarities, sensor.height, sensor.width), dtype=np.float32)
    places = torch.from_numpy(step_addresses(events, slices.bounds, sensor))
    # It took less time than np.add.at and np.bincount. Sums of ones are exact up to 2^24.
    torch.from_numpy(frames).view(-1).scatter_add_(0, places, ONE.expand(len(places)))
    return frames


def binary_frames(events: Events, slices: Slices, sensor: Sensor) -> NDArray[np.float32]:
    """Return 1 where a pixel has events in a time step and 0 elsewhere, `[T, P, H, W]`; see `count_frames`."""
    frames = np.zeros((len(slices.bounds) - 1, sensor.polarities, sensor.height, sensor.width), dtype=np.float32)
    frames.reshape(-1)[step_addresses(events, slices.bounds, sensor)] = 1.0
    return frames
