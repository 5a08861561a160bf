"""What an augmentation of events is, and how several become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from spikeformers.data.events.array import Events, Sensor

EventAugment = Callable[[Events, Sensor, torch.Generator], Events]


@dataclass(frozen=True)
class ComposeEvents:
    """Apply augmentations one after the other."""

    steps: tuple[EventAugment, ...]

    def __call__(self, events: Events, sensor: Sensor, generator: torch.Generator) -> Events:
        for step in self.steps:
            events = step(events, sensor, generator)
        return events
