"""What a simulated camera sees of a picture on a screen: its light at every pixel of the sensor, at every pose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from spikeformers.data.simulate.paths import Poses
from spikeformers.errors import ConfigError

FINE = 3  # samples per pixel of the sensor, between which light is interpolated linearly


@dataclass(frozen=True, kw_only=True)
class Screen:
    """How a picture is shown, and the lens before the sensor.

    Attributes:
        scale: pixels of the sensor per pixel of the picture.
        blur: standard deviation of the lens's point spread, in pixels of the sensor.
        ground: light where the picture is 0; what surrounds the picture is ground, too.
        ink: light where the picture is 1. The sensor cuts light off at 255.
    """

    scale: float = 1.0
    blur: float = 0.5
    ground: float = 30.0
    ink: float = 255.0

    def __post_init__(self) -> None:
        holds = self.scale > 0 and self.blur > 0 and self.ground >= 0 and self.ink >= 0
        if not (holds and math.isfinite(self.scale) and math.isfinite(self.blur)):
            raise ConfigError(f"{self}: scale and blur must be above 0 and finite, ground and ink 0 or more.")


def show(picture: Tensor, screen: Screen, poses: Poses, height: int, width: int) -> NDArray[np.float32]:
    """Return the light on the sensor, 0 .. 255, `[T, height, width]`.

    Args:
        picture: float `[h, w]`, 0 to 1.
        poses: T of them.
    """
    inked = _blurred(picture.float(), screen)
    grid = _grid(poses, height, width, inked.shape)
    seen = F.grid_sample(inked[None, None], grid.flatten(0, 1)[None], align_corners=True).view(-1, height, width)
    light: NDArray[np.float32] = (screen.ground + (screen.ink - screen.ground) * seen).clamp(0.0, 255.0).numpy()
    return light


def _blurred(picture: Tensor, screen: Screen) -> Tensor:
    """Return a picture on its screen through the lens, `FINE` samples per pixel of the sensor, `[h', w']`."""
    sizes = [math.ceil((screen.scale * size / 2 + 4 * screen.blur) * FINE) * 2 + 1 for size in picture.shape]
    rows, columns = (_spread(length, size, screen) for length, size in zip(picture.shape, sizes, strict=True))
    return rows @ picture @ columns.T


def _spread(length: int, samples: int, screen: Screen) -> Tensor:
    """Return how much of each of `length` pixels in a row is seen at each sample, `[samples, length]`.

    A pixel is a box, seen through a Gaussian: the integral has a closed form.
    """
    at = (torch.arange(samples, dtype=torch.float64) - (samples - 1) / 2) / FINE
    edges = (torch.arange(length + 1, dtype=torch.float64) - length / 2) * screen.scale
    below = torch.special.ndtr((edges[None] - at[:, None]) / screen.blur)
    share: Tensor = below[:, 1:] - below[:, :-1]
    return share.float()


def _grid(poses: Poses, height: int, width: int, fine: Sequence[int]) -> Tensor:
    """Return where each pixel of the sensor looks on the fine picture, in -1 .. 1, `[T, H, W, 2]`."""
    y, x = np.mgrid[:height, :width] - np.array([height - 1, width - 1]).reshape(2, 1, 1) / 2
    x, y = x - poses.x[:, None, None], y - poses.y[:, None, None]
    turned, grown = poses.angle[:, None, None], poses.size[:, None, None]
    cos, sin = np.cos(turned) / grown, np.sin(turned) / grown
    halves = [(size - 1) / 2 / FINE for size in fine]
    # y points down, so a picture turned clockwise is looked up anticlockwise.
    places = np.stack([(cos * x + sin * y) / halves[1], (cos * y - sin * x) / halves[0]], axis=-1)
    return torch.from_numpy(places).float()
