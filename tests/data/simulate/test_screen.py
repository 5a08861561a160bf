"""What the camera sees: light, place, size and turn of a picture against what a formula says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from spikeformers.data.simulate.paths import Poses
from spikeformers.data.simulate.screen import Screen, show
from spikeformers.errors import ConfigError


def pose(x: float = 0, y: float = 0, angle: float = 0, size: float = 1) -> Poses:
    return Poses(*(np.array([value], dtype=float) for value in (x, y, angle, size)))


def seen(picture: torch.Tensor, screen: Screen, at: Poses, size: int = 41) -> np.ndarray:
    return show(picture, screen, at, size, size)[0]


def centre(light: np.ndarray, ground: float) -> tuple[float, float]:
    """The centre of what differs from the ground, from the sensor's centre."""
    ink = np.abs(light - ground).astype(float)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]] - (np.array(light.shape) - 1).reshape(2, 1, 1) / 2
    return float((x * ink).sum() / ink.sum()), float((y * ink).sum() / ink.sum())


def dot(x: int, y: int) -> torch.Tensor:
    picture = torch.zeros(15, 15)
    picture[7 + y, 7 + x] = 1
    return picture


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (3.0, -2.0), (-1.37, 4.61)])
def test_a_moved_picture_is_moved_by_so_much(x: float, y: float) -> None:
    light = seen(dot(0, 0), Screen(ground=10, ink=200, blur=0.8), pose(x, y))
    # Linear interpolation between three samples a pixel keeps the centre but for the tails of the point spread.
    assert centre(light, 10) == pytest.approx((x, y), abs=0.02)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (pose(angle=math.pi / 2), (0.0, 5.0)),  # clockwise, as seen: what was right is below, y points down
        (pose(angle=-math.pi / 2), (0.0, -5.0)),
        (pose(angle=math.pi / 6), (5 * math.cos(math.pi / 6), 5 * math.sin(math.pi / 6))),
        (pose(size=1.4), (7.0, 0.0)),
        (pose(x=2, y=1, size=0.6), (5.0, 1.0)),
    ],
)
def test_turns_and_sizes_are_about_the_centre(at: Poses, expected: tuple[float, float]) -> None:
    light = seen(dot(5, 0), Screen(ground=0, ink=255, blur=0.8), at)
    assert centre(light, 0) == pytest.approx(expected, abs=0.03)


def test_an_edge_is_the_integral_of_the_point_spread() -> None:
    """Far from other edges a half plane is seen as ground + (ink - ground) Phi(distance / blur)."""
    picture = torch.zeros(60, 60)
    picture[:, 30:] = 1
    light = seen(picture, Screen(ground=50, ink=150, blur=1.5), pose())
    x = np.arange(41) - 20.0
    expected = 50 + 100 * torch.special.ndtr(torch.from_numpy(x) / 1.5).numpy()
    # Interpolation between samples a third of a pixel apart: second derivative times h^2 / 8 is below 0.15.
    np.testing.assert_allclose(light[20], expected, atol=0.2)


def test_light_of_a_dot_is_kept_by_the_lens_and_grows_with_the_scale() -> None:
    for scale in (0.5, 1.0, 2.0):
        light = seen(dot(0, 0), Screen(ground=0, ink=100, blur=1.0, scale=scale), pose())
        assert light.sum() == pytest.approx(100 * scale**2, rel=0.01)


def test_what_surrounds_the_picture_is_ground_and_light_is_cut_off() -> None:
    light = seen(torch.ones(3, 3), Screen(ground=30, ink=400, blur=0.3), pose())
    assert light[0, 0] == 30
    assert light[20, 20] == 255


@pytest.mark.parametrize("words", [{"scale": 0.0}, {"blur": 0.0}, {"blur": math.nan}, {"ink": -1.0}])
def test_impossible_screens_are_refused(words: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        Screen(**words)
