"""From the sensor's pixels to those of the model's input: before framing on addresses, after it on frames."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Sensor
from spikeformers.errors import ConfigError


def merge_polarities(addressed: Addressed) -> Addressed:
    """Return the events as if the sensor knew one polarity only."""
    sensor = Sensor(addressed.sensor.width, addressed.sensor.height, 1)
    return Addressed(addressed.times, addressed.addresses % sensor.size, sensor, addressed.start)


def merge_pixels(addressed: Addressed, size: tuple[int, int]) -> Addressed:
    """Return the events as if the sensor had the height and width `size`, each pixel as large as several of its own.

    Raises:
        ConfigError: they are not whole parts of the sensor's height and width.
    """
    sensor = addressed.sensor
    rows, columns = _factors(sensor, size)
    lines, x = np.divmod(addressed.addresses, sensor.width)  # a line is p H + y, and H a multiple of the merged rows
    merged = lines // rows * size[1] + x // columns
    return Addressed(addressed.times, merged, Sensor(size[1], size[0], sensor.polarities), addressed.start)


def _factors(sensor: Sensor, size: tuple[int, int]) -> tuple[int, int]:
    if sensor.height % size[0] or sensor.width % size[1]:
        raise ConfigError(
            f"Pixels of a sensor of {sensor.height} x {sensor.width} (height x width) cannot be merged into "
            f"{size[0]} x {size[1]}: both must be whole parts of the sensor's. Take another way to resize, or an "
            "image_size that divides it."
        )
    return sensor.height // size[0], sensor.width // size[1]


def centre(addressed: Addressed, size: tuple[int, int]) -> Addressed:
    """Return the events with the sensor in the middle of `size` (height, width); what lies beyond is left out."""
    sensor, (height, width) = addressed.sensor, size
    lines, x = np.divmod(addressed.addresses.astype(np.int64), sensor.width)
    p, y = np.divmod(lines, sensor.height)
    y += (height - sensor.height) // 2
    x += (width - sensor.width) // 2
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    centred = ((p * height + y) * width + x)[inside]
    return Addressed(addressed.times[inside], centred, Sensor(width, height, sensor.polarities), addressed.start)


def interpolate(frames: NDArray[np.float32], size: tuple[int, int], *, antialias: bool) -> NDArray[np.float32]:
    """Return frames `[T, C, H, W]` resized bilinearly to `size` (height, width), as torchvision resizes tensors."""
    resized = F.interpolate(torch.from_numpy(frames), size, mode="bilinear", antialias=antialias)
    result: NDArray[np.float32] = resized.numpy()
    return result
