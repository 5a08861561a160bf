"""How a recording becomes the input of a network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from spikeformers.data.augment.events import EventAugment
from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.frames.counts import binary_frames, count_frames
from spikeformers.data.frames.sizing import centre, interpolate, merge_pixels, merge_polarities
from spikeformers.data.frames.slicing import cut
from spikeformers.data.frames.time_surface import time_surface
from spikeformers.data.frames.voxels import voxel_grid
from spikeformers.errors import ConfigError, suggest

Representation = Literal["counts", "binary", "voxels", "time_surface"]
SplitBy = Literal["number", "time", "duration"]
Resize = Literal["bilinear", "antialias", "merge", "centre"]


@dataclass(frozen=True, kw_only=True)
class EventFraming:
    """From events to frames, float32 `[T, C, H, W]`.

    Attributes:
        time_steps: T.
        image_size: height and width.
        representation: "counts" of events; "binary"; "voxels", counts shared between neighbouring time steps; or
            "time_surface", which decays since the last event.
        split_by: "number", steps of equally many events; "time", equally long ones; "duration", of `window` each.
        window: microseconds of a step, where split by duration.
        surface_tau: time constant of a time surface, in microseconds.
        merge_polarities: one channel instead of one per polarity (p = 0 first).
        resize: how a sensor of another size gets the image size. "bilinear" interpolates frames, without antialiasing;
            "antialias" with it; "merge" adds pixels up, by whole factors; "centre" pads, or cuts, around the middle.
        augment: random changes of the events; None: none.

    Raises:
        ConfigError: a value outside its range, an unknown word, or words that do not go together.
    """

    time_steps: int
    image_size: tuple[int, int]
    representation: Representation = "counts"
    split_by: SplitBy = "number"
    window: int = 0
    surface_tau: float = 50_000.0
    merge_polarities: bool = False
    resize: Resize = "bilinear"
    augment: EventAugment | None = None

    def __post_init__(self) -> None:
        if self.time_steps < 1:
            raise ConfigError(f"time_steps is {self.time_steps}; it must be 1 or more.")
        if len(self.image_size) != 2 or min(self.image_size) < 1:
            raise ConfigError(f"image_size is {self.image_size}; give height and width, each 1 pixel or more.")
        _require_word("representation", self.representation, get_args(Representation))
        _require_word("split_by", self.split_by, get_args(SplitBy))
        _require_word("resize", self.resize, get_args(Resize))
        if (self.window > 0) != (self.split_by == "duration"):
            raise ConfigError(
                f"window is {self.window} microseconds and split_by {self.split_by!r}. Steps of a fixed duration need "
                "both split_by = 'duration' and a window above 0; otherwise leave window at 0."
            )
        if not 0 < self.surface_tau < math.inf:
            raise ConfigError(f"surface_tau is {self.surface_tau} microseconds; it must be above 0 and finite.")
        if self.representation == "voxels" and self.split_by != "time":
            raise ConfigError(
                f"A voxel grid is made of steps that are equally long, but split_by is {self.split_by!r}. "
                "Set split_by to 'time'."
            )

    def shape(self, sensor: Sensor) -> tuple[int, int, int]:
        """Return channels, height and width of every frame."""
        return 1 if self.merge_polarities else sensor.polarities, *self.image_size

    def at_evaluation(self) -> EventFraming:
        """Return the same framing without random choices."""
        return self if self.augment is None else replace(self, augment=None)

    def __call__(self, events: Events, sensor: Sensor, generator: torch.Generator | None = None) -> NDArray[np.float32]:
        """Return frames, float32 `[T, C, H, W]`, of events in the order of time, all on the sensor; see `frames`."""
        return self.frames(Addressed.of(events, sensor), generator)

    def frames(self, addressed: Addressed, generator: torch.Generator | None = None) -> NDArray[np.float32]:
        """Return frames, float32 `[T, C, H, W]`.

        Args:
            generator: where random choices come from; needed with `augment`.

        Raises:
            ConfigError: the sensor's pixels cannot be merged into the image size.
        """
        if self.augment is not None:
            if generator is None:
                raise ValueError("augmentation draws random numbers: pass a torch.Generator")
            sensor = addressed.sensor
            addressed = Addressed.of(self.augment(addressed.events(), sensor, generator), sensor)
        frames = self._represented(self._placed(addressed))
        if frames.shape[2:] == self.image_size:
            return frames
        return interpolate(frames, self.image_size, antialias=self.resize == "antialias")

    def _placed(self, addressed: Addressed) -> Addressed:
        if self.merge_polarities and addressed.sensor.polarities > 1:
            addressed = merge_polarities(addressed)
        if addressed.sensor.shape[1:] != self.image_size:
            if self.resize == "merge":
                return merge_pixels(addressed, self.image_size)
            if self.resize == "centre":
                return centre(addressed, self.image_size)
        return addressed

    def _represented(self, addressed: Addressed) -> NDArray[np.float32]:
        if self.representation == "voxels":
            return voxel_grid(addressed, self.time_steps)
        slices = cut(addressed.times, self.split_by, self.time_steps, self.window)
        match self.representation:
            case "counts":
                return count_frames(addressed, slices)
            case "binary":
                return binary_frames(addressed, slices)
            case "time_surface":
                return time_surface(addressed, slices, self.surface_tau)


def _require_word(word: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ConfigError(f"There is no {word} {given!r}.{suggest(given, known)} Known are: {', '.join(known)}.")
