"""Noise on the times and places of events."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.errors import ConfigError


@dataclass(frozen=True)
class TimeJitter:
    """Move every event in time by normal noise, and put them in order again.

    Args:
        deviation: standard deviation in microseconds; the noise is rounded to whole ones.

    Raises:
        ConfigError: a negative or infinite deviation.
    """

    deviation: float

    def __post_init__(self) -> None:
        _require_deviation(self.deviation, "TimeJitter")

    def __call__(self, events: Events, sensor: Sensor, generator: torch.Generator) -> Events:
        events = events.copy()
        events["t"] += _noise(len(events), self.deviation, generator)
        ordered: Events = events[np.argsort(events["t"], kind="stable")]
        return ordered


@dataclass(frozen=True)
class SpatialJitter:
    """Move every event by normal noise in x and y; those that leave the sensor are left out.

    Args:
        deviation: standard deviation in pixels; the noise is rounded to whole ones.

    Raises:
        ConfigError: a negative or infinite deviation.
    """

    deviation: float

    def __post_init__(self) -> None:
        _require_deviation(self.deviation, "SpatialJitter")

    def __call__(self, events: Events, sensor: Sensor, generator: torch.Generator) -> Events:
        x = events["x"] + _noise(len(events), self.deviation, generator)
        y = events["y"] + _noise(len(events), self.deviation, generator)
        inside = (x >= 0) & (x < sensor.width) & (y >= 0) & (y < sensor.height)
        events = events[inside]
        events["x"], events["y"] = x[inside], y[inside]
        return events


def _noise(count: int, deviation: float, generator: torch.Generator) -> NDArray[np.int64]:
    noise: NDArray[np.int64] = (torch.randn(count, generator=generator) * deviation).round().long().numpy()
    return noise


def _require_deviation(value: float, name: str) -> None:
    if not 0.0 <= value < math.inf:
        raise ConfigError(f"{name}: the standard deviation is {value}; it must be finite, 0 or more.")
