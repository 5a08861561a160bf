"""How a recording becomes the input of a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.frames.counts import count_frames
from spikeformers.data.frames.slicing import by_number


@dataclass(frozen=True, kw_only=True)
class EventFraming:
    """From events to frames `[T, C, H, W]`.

    Attributes:
        time_steps: T.
        image_size: height and width.
    """

    time_steps: int
    image_size: tuple[int, int]

    def shape(self, sensor: Sensor) -> tuple[int, int, int]:
        """Return channels, height and width of every frame."""
        return sensor.polarities, *self.image_size

    def at_evaluation(self) -> EventFraming:
        """Return the same framing without random choices."""
        return self

    def __call__(self, events: Events, sensor: Sensor, generator: torch.Generator | None = None) -> NDArray[np.float32]:
        """Return frames, float32 `[T, C, H, W]`; random choices are drawn from the generator."""
        return count_frames(events, by_number(len(events), self.time_steps), sensor)
