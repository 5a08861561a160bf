"""A picture, a screen, a way and a camera: together a simulated recording."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.simulate.camera import Cameras
from spikeformers.data.simulate.paths import Path
from spikeformers.data.simulate.pixels import PixelModel
from spikeformers.data.simulate.screen import Screen, show
from spikeformers.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that decides a simulated recording of a picture, but the picture and the seed.

    Attributes:
        path: how the picture moves.
        screen: how it is shown.
        pixels: of the camera.
        sensor: its size.
        frame_time: microseconds between two looks at the scene; between them log intensity is taken as linear in time.
        vary: from recording to recording every number of path, screen and pixels, but the duration, is multiplied by
            exp(vary * z) with z normal; 0: all are alike.
    """

    path: Path
    screen: Screen = field(default_factory=Screen)
    pixels: PixelModel = field(default_factory=PixelModel)
    sensor: Sensor = field(default_factory=lambda: Sensor(34, 34))
    frame_time: float = 2000.0
    vary: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.frame_time < math.inf and 0 <= self.vary <= 1 and 0 < self.path.duration < math.inf):
            raise ConfigError(
                f"frame_time ({self.frame_time}) and the path's duration ({self.path.duration}) must be above 0 and "
                f"finite, vary ({self.vary}) 0 to 1."
            )


def simulate_pictures(pictures: Tensor, scene: Scene, indices: Sequence[int], seed: int = 0) -> list[Events]:
    """Return a simulated recording of each picture; it depends on picture, scene, seed and its index only.

    Args:
        pictures: `[N, h, w]`, uint8 or float from 0 to 1.
        indices: a number for each picture, N of them.
    """
    pictures = pictures if pictures.is_floating_point() else pictures / 255
    generators = [_generator(seed, index) for index in indices]
    scenes = [_varied_scene(scene, generator) for generator in generators]
    times = np.arange(0.0, scene.path.duration + scene.frame_time / 2, scene.frame_time)
    poses = [each.path.poses(times, generator) for each, generator in zip(scenes, generators, strict=True)]
    height, width = scene.sensor.height, scene.sensor.width
    # One by one, so that not even the last bit of a picture's light depends on the others.
    each_seen = zip(pictures, scenes, poses, strict=True)
    light = np.stack([show(picture, each.screen, pose, height, width) for picture, each, pose in each_seen])
    cameras = Cameras([each.pixels for each in scenes], generators, height, width)
    parts = [cameras.see(light[:, step], time) for step, time in enumerate(times)]
    return [np.concatenate(events) for events in zip(*parts, strict=True)]


def _generator(seed: int, index: int) -> np.random.Generator:
    if seed < 0:
        raise ConfigError(f"The seed of simulated events must be 0 or more, got {seed}.")
    return np.random.default_rng([seed, index])


def _varied_scene(scene: Scene, generator: np.random.Generator) -> Scene:
    if not scene.vary:
        return scene
    path, screen, pixels = (_varied(part, scene.vary, generator) for part in (scene.path, scene.screen, scene.pixels))
    return replace(scene, path=replace(path, duration=scene.path.duration), screen=screen, pixels=pixels)


def _varied(value: Any, vary: float, generator: np.random.Generator) -> Any:
    """Return `value` with each number in it multiplied by a random factor around 1."""
    if isinstance(value, float):
        return value * float(np.exp(vary * generator.standard_normal()))
    if isinstance(value, tuple):
        return tuple(_varied(item, vary, generator) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        words = {each.name: _varied(getattr(value, each.name), vary, generator) for each in fields(value)}
        return replace(value, **words)
    return value


def simulate_video(
    frames: Iterable[NDArray[np.float64]], frames_per_second: float, pixels: PixelModel, seed: int = 0
) -> Iterator[Events]:
    """Yield the events between each two frames, the first of which is at time 0, in constant memory.

    Between two frames the logarithm of each pixel's light goes linearly: what moves by several pixels from frame to
    frame fades from place to place instead.

    Args:
        frames: light 0 .. 255, `[H, W]`, all of one size.

    Raises:
        ConfigError: frames per second that are no number above 0.
    """
    if not 0 < frames_per_second < math.inf:
        raise ConfigError(f"Frames per second must be above 0 and finite, got {frames_per_second}.")
    cameras: Cameras | None = None
    for number, frame in enumerate(frames):
        cameras = cameras or Cameras([pixels], [_generator(seed, 0)], *frame.shape)
        yield cameras.see(frame[None], 1e6 * number / frames_per_second)[0]
