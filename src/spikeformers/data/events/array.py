"""Events as one structured array, the form every reader yields and every augmentation takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeformers.errors import DataError

EVENT = np.dtype([("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("p", "u1")])
"""t in microseconds; x to the right and y down, in pixels from 0; p = 1 where it became brighter, else 0."""

Events = NDArray[np.void]
"""A one-dimensional array of dtype `EVENT`."""


@dataclass(frozen=True)
class Sensor:
    """The addresses events can have: `width` x `height` pixels, and one or two polarities.

    A silicon cochlea, or spoken words as spikes (SHD), is a sensor of height 1 and one polarity.
    """

    width: int
    height: int
    polarities: int = 2

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 1 << 16 and 1 <= self.height <= 1 << 16 and self.polarities in (1, 2)):
            raise DataError(
                f"A sensor of {self.width} x {self.height} pixels and {self.polarities} polarities cannot be; width "
                f"and height must be 1 to {1 << 16}, polarities 1 or 2."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Polarities, height and width."""
        return self.polarities, self.height, self.width

    @property
    def size(self) -> int:
        """How many addresses there are."""
        return self.polarities * self.height * self.width

    def holds(self, events: Events) -> NDArray[np.bool_]:
        """Return which events lie on the sensor, bool `[N]`."""
        inside: NDArray[np.bool_] = (
            (events["x"] < self.width) & (events["y"] < self.height) & (events["p"] < self.polarities)
        )
        return inside


def make_events(t: ArrayLike, x: ArrayLike, y: ArrayLike, p: ArrayLike) -> Events:
    """Return events of these times (microseconds), places and polarities, each `[N]` or one number for all."""
    t, x, y, p = np.broadcast_arrays(t, x, y, p)
    events = np.empty(t.shape, dtype=EVENT)
    for word, values in zip(("t", "x", "y", "p"), (t, x, y, p), strict=True):
        events[word] = values
    return events


def no_events() -> Events:
    """Return an empty array of events."""
    return np.empty(0, dtype=EVENT)


def in_time_order(events: Events) -> bool:
    """Return whether no event lies before its predecessor in time."""
    return bool((events["t"][1:] >= events["t"][:-1]).all())
