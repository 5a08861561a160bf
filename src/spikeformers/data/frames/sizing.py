"""From the sensor's pixels to those of the model's input: before framing on addresses, after it on frames."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.errors import ConfigError


def merge_polarities(events: Events, sensor: Sensor) -> tuple[Events, Sensor]:
    """Return the events as if the sensor knew one polarity only."""
    events = events.copy()
    events["p"] = 0
    return events, Sensor(sensor.width, sensor.height, 1)


def merge_pixels(events: Events, sensor: Sensor, size: tuple[int, int]) -> tuple[Events, Sensor]:
    """Return the events as if the sensor had the height and width `size`, each pixel as large as several of its own.

    Raises:
        ConfigError: they are not whole parts of the sensor's height and width.
    """
    rows, columns = _factors(sensor, size)
    events = events.copy()
    events["x"] //= columns
    events["y"] //= rows
    return events, Sensor(size[1], size[0], sensor.polarities)


def _factors(sensor: Sensor, size: tuple[int, int]) -> tuple[int, int]:
    if sensor.height % size[0] or sensor.width % size[1]:
        raise ConfigError(
            f"Pixels of a sensor of {sensor.height} x {sensor.width} (height x width) cannot be merged into "
            f"{size[0]} x {size[1]}: both must be whole parts of the sensor's. Take another way to resize, or an "
            "image_size that divides it."
        )
    return sensor.height // size[0], sensor.width // size[1]


def centre(events: Events, sensor: Sensor, size: tuple[int, int]) -> tuple[Events, Sensor]:
    """Return the events with the sensor in the middle of `size` (height, width); what lies beyond is left out."""
    down, right = (size[0] - sensor.height) // 2, (size[1] - sensor.width) // 2
    x, y = events["x"].astype(np.int64) + right, events["y"].astype(np.int64) + down
    inside = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
    events = events[inside]
    events["x"], events["y"] = x[inside], y[inside]
    return events, Sensor(size[1], size[0], sensor.polarities)


def interpolate(frames: NDArray[np.float32], size: tuple[int, int], *, antialias: bool) -> NDArray[np.float32]:
    """Return frames `[T, C, H, W]` resized bilinearly to `size` (height, width), as torchvision resizes tensors."""
    resized = F.interpolate(torch.from_numpy(frames), size, mode="bilinear", antialias=antialias)
    result: NDArray[np.float32] = resized.numpy()
    return result
