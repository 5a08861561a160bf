"""How a picture moves in front of a simulated camera: its place, angle and size at every moment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spikeformers.errors import ConfigError, suggest

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Poses:
    """Where a picture is at T moments, each `[T]`.

    Attributes:
        x, y: of its centre from the sensor's, in pixels of the sensor, to the right and down.
        angle: radians, clockwise.
        size: factor.
    """

    x: Array
    y: Array
    angle: Array
    size: Array


class Path(Protocol):
    """A frozen dataclass of numbers; what is random about it is drawn from the generator."""

    @property
    def duration(self) -> float:
        """Microseconds."""
        ...

    def poses(self, times: Array, generator: np.random.Generator) -> Poses:
        """Return the poses at `times` (microseconds from 0 to the duration)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """One straight movement: it starts from rest, is fastest somewhere on its way, and comes to rest.

    The share of the way behind it after a share u of its duration is 1 - (1 - u^rise)^fall, Kumaraswamy's
    distribution: with `rise` above `fall` it is fastest late, with `fall` above `rise` early.

    Attributes:
        x, y: the way, in pixels of the sensor, to the right and down.
        start, duration: microseconds.
    """

    x: float
    y: float
    start: float
    duration: float
    rise: float = 2.0
    fall: float = 3.0

    def share(self, times: Array) -> Array:
        """Return the share of the way at `times`."""
        u = np.clip((times - self.start) / self.duration, 0.0, 1.0)
        share: Array = 1.0 - (1.0 - u**self.rise) ** self.fall
        return share


@dataclass(frozen=True, kw_only=True)
class Saccades:
    """Quick movements one after the other, as for N-MNIST (Orchard et al., 2015).

    Attributes:
        x, y: where the picture's centre is at first, from the sensor's, in pixels of the sensor.
    """

    strokes: tuple[Stroke, ...]
    x: float = 0.0
    y: float = 0.0
    duration: float = 308e3

    def poses(self, times: Array, generator: np.random.Generator) -> Poses:
        """Return the place after the strokes' shares; nothing about it is random."""
        x = self.x + sum(stroke.x * stroke.share(times) for stroke in self.strokes)
        y = self.y + sum(stroke.y * stroke.share(times) for stroke in self.strokes)
        return Poses(x + 0 * times, y + 0 * times, 0 * times, 1 + 0 * times)


@dataclass(frozen=True, kw_only=True)
class ClosedLoop:
    """A smooth closed way that is gone several times, in the manner of CIFAR10-DVS (Li et al., 2017): a circle.

    Attributes:
        radius: in pixels of the sensor.
        loops: how often.
    """

    radius: float = 4.0
    loops: float = 6.0
    duration: float = 1200e3

    def poses(self, times: Array, generator: np.random.Generator) -> Poses:
        """Return places on the circle; where it starts is random."""
        phase = 2 * math.pi * (generator.random() + self.loops * times / self.duration)
        return Poses(self.radius * np.cos(phase), self.radius * np.sin(phase), 0 * times, 1 + 0 * times)


# Of each word the way per duration: x and y in reaches, angle in turns, logarithm of the size in reaches.
DRIFTS = {
    "left": (-1.0, 0.0, 0.0, 0.0),
    "right": (1.0, 0.0, 0.0, 0.0),
    "up": (0.0, -1.0, 0.0, 0.0),
    "down": (0.0, 1.0, 0.0, 0.0),
    "clockwise": (0.0, 0.0, 1.0, 0.0),
    "anticlockwise": (0.0, 0.0, -1.0, 0.0),
    "nearer": (0.0, 0.0, 0.0, 1.0),
    "farther": (0.0, 0.0, 0.0, -1.0),
}


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A slow movement whose direction is the label, under a tremor that hides it from any short moment.

    What a pixel's events of a time add up to is by how much its light has changed in that time, so a picture that only
    drifted would tell its direction at once. The tremor moves it in every way, also between two moments by more than
    the drift does; and half-way its place, angle and size have the same distribution for all words.

    Attributes:
        word: of `DRIFTS`.
        way: pixels of the sensor from the first to the last moment, of left, right, up and down.
        turn: radians, of clockwise and anticlockwise.
        growth: logarithm of the size at the end over that at the beginning, of nearer and farther.
        spread: pixels by which the place half-way differs from the centre, at most.
        size_spread: the same of the logarithm of the size.
        tremor: amplitude of the tremor, as a multiple of the drift's way in a sixth of the duration; the same multiple
            for place, angle and size, whatever the word.
        tremors: swings of the tremor in the whole duration, to a quarter.
    """

    word: str
    way: float = 6.0
    turn: float = 1.6
    growth: float = 0.35
    spread: float = 7.0
    size_spread: float = 0.45
    tremor: float = 2.2
    tremors: float = 11.0
    duration: float = 600e3

    def __post_init__(self) -> None:
        if self.word not in DRIFTS:
            raise ConfigError(
                f"There is no drift {self.word!r}.{suggest(self.word, DRIFTS)} Known are: {', '.join(DRIFTS)}."
            )

    def poses(self, times: Array, generator: np.random.Generator) -> Poses:
        """Return poses around one that is random."""
        ways = np.array([self.way, self.way, self.turn, self.growth])[:, None]
        middle = generator.uniform(-1.0, 1.0, (4, 1)) * np.array(
            [[self.spread], [self.spread], [math.pi], [self.size_spread]]
        )
        swings = self.tremors * generator.uniform(0.75, 1.25, (4, 1))
        share = times / self.duration
        tremor = np.sin(2 * math.pi * (generator.random((4, 1)) + swings * share))
        drift = np.array(DRIFTS[self.word])[:, None] * (share - 0.5)
        x, y, angle, size = middle + ways * (drift + self.tremor / 6 * tremor)
        return Poses(x, y, angle, np.exp(size))
