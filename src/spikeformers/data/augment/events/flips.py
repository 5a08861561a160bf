"""Mirrored recordings, and exchanged polarities."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from spikeformers.data.augment.compose import require_probability
from spikeformers.data.events.array import Events, Sensor


@dataclass(frozen=True)
class EventFlip:
    """Mirror a recording left to right with the given probability.

    Raises:
        ConfigError: a probability outside 0..1.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        require_probability(self.probability, "EventFlip")

    def __call__(self, events: Events, sensor: Sensor, generator: torch.Generator) -> Events:
        if float(torch.rand((), generator=generator)) >= self.probability:
            return events
        events = events.copy()
        events["x"] = sensor.width - 1 - events["x"]
        return events


@dataclass(frozen=True)
class PolarityFlip:
    """Exchange the two polarities of a recording with the given probability; where there is one only, it stays.

    Raises:
        ConfigError: a probability outside 0..1.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        require_probability(self.probability, "PolarityFlip")

    def __call__(self, events: Events, sensor: Sensor, generator: torch.Generator) -> Events:
        if float(torch.rand((), generator=generator)) >= self.probability or sensor.polarities == 1:
            return events
        events = events.copy()
        events["p"] = 1 - events["p"]
        return events
