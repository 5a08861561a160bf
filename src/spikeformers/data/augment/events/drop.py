"""EventDrop (Gu et al., IJCAI 2021): events are left out, in a span of time, in an area, or anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spikeformers.data.augment.compose import require_probability
from spikeformers.data.events.array import Events, Sensor

# Shares in steps of a tenth, and of a twentieth for an area: the paper's, as far as known.
LEVELS = {"time": (1, 10, 10), "area": (1, 6, 20), "random": (1, 10, 10)}  # from, below, of how many


@dataclass(frozen=True)
class EventDrop:
    """With the given probability leave events out in one of three ways, each as likely as the others.

    The paper draws among these three and none at all, which is a probability of 0.75.

    Raises:
        ConfigError: a probability outside 0..1.
    """

    probability: float = 0.75

    def __post_init__(self) -> None:
        require_probability(self.probability, "EventDrop")

    def __call__(self, events: Events, sensor: Sensor, generator: torch.Generator) -> Events:
        happens, across, down = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
        way = list(LEVELS)[int(torch.randint(len(LEVELS), (), generator=generator))]
        first, limit, parts = LEVELS[way]
        share = int(torch.randint(first, limit, (), generator=generator)) / parts
        if happens >= self.probability:
            return events
        if way == "time":
            return drop_span(events, share, begin=across * (1 - share))
        if way == "area":
            return drop_area(events, sensor, share, left=across, top=down)
        return keep(events, (torch.rand(len(events), generator=generator) >= share).numpy())


def drop_span(events: Events, share: float, begin: float) -> Events:
    """Leave out the events of a span of time; length and begin are shares of the recording's duration."""
    if not len(events):
        return events
    since = (events["t"] - events["t"][0]) / max(1, int(events["t"][-1] - events["t"][0]))
    return keep(events, (since < begin) | (since >= begin + share))


def drop_area(events: Events, sensor: Sensor, share: float, left: float, top: float) -> Events:
    """Leave out the events of a rectangle whose sides have that share of the sensor's.

    Args:
        left, top: where it begins, as shares of the sensor's sides; what sticks out of the sensor is cut off.
    """
    x, y = events["x"] / sensor.width, events["y"] / sensor.height
    inside = (x >= left) & (x < left + share) & (y >= top) & (y < top + share)
    return keep(events, ~inside)


def keep(events: Events, chosen: NDArray[np.bool_]) -> Events:
    """Return the chosen events (bool `[N]`)."""
    kept: Events = events[chosen]
    return kept
