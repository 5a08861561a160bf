"""Rotation, shear and shift against PIL.

PIL adds the neighbours up in double precision and truncates, so that results that are whole numbers but for rounding
may differ by one level; the shifts below are no simple fractions, so that few are. Its nearest neighbour counts
places in units of 1/65536, so that ties may fall either way.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from PIL import Image
from torch import Tensor

from spikeformers.data.augment import warps
from tests.data.augment.pictures import assert_within, from_pil, noise, pictures, to_pil

FILL = (12, 200, 77)
Build = Callable[[Tensor, int, int], Tensor]
Coefficients = Callable[[float, int, int], tuple[float, ...]]

AFFINE: list[tuple[Build, Coefficients, list[float]]] = [
    (warps.shear_x, lambda v, w, h: (1, v, 0, 0, 1, 0), [-0.2993, -0.0107, 0.0, 0.2719]),
    (warps.shear_y, lambda v, w, h: (1, 0, 0, v, 1, 0), [-0.2993, -0.0107, 0.0, 0.2719]),
    (warps.translate_x, lambda v, w, h: (1, 0, v * w, 0, 1, 0), [-0.4437, -0.1013, 0.0, 0.3371]),
    (warps.translate_y, lambda v, w, h: (1, 0, 0, 0, 1, v * h), [-0.4437, -0.1013, 0.0, 0.3371]),
]
CASES = [(build, coefficients, value) for build, coefficients, values in AFFINE for value in values]


def warped(images: Tensor, maps: Tensor, interpolation: str) -> Tensor:
    channels = images.shape[1]
    fill = torch.tensor(FILL[:channels], dtype=torch.uint8).view(-1, 1, 1)
    return warps.warp(images.unsqueeze(1), maps, fill, interpolation).squeeze(1)


def resampling(interpolation: str) -> Image.Resampling:
    return Image.Resampling[interpolation.upper()]


@pytest.mark.parametrize("interpolation", warps.INTERPOLATIONS)
@pytest.mark.parametrize(("build", "coefficients", "value"), CASES)
@pytest.mark.parametrize("size", [(24, 20), (9, 41)])
def test_shear_and_shift_are_pil_s(
    build: Build, coefficients: Coefficients, value: float, interpolation: str, size: tuple[int, int]
) -> None:
    height, width = size
    images = pictures(5, 3, height, width)
    maps = build(torch.full((len(images),), value, dtype=torch.float64), height, width)
    expected = [
        to_pil(image).transform(
            (width, height),
            Image.Transform.AFFINE,
            coefficients(value, width, height),
            resample=resampling(interpolation),
            fillcolor=FILL,
        )
        for image in images
    ]
    levels = 255 if interpolation == "nearest" else 1
    assert_within(warped(images, maps, interpolation), torch.stack([from_pil(e) for e in expected]), levels, 0.005)


@pytest.mark.parametrize("interpolation", warps.INTERPOLATIONS)
@pytest.mark.parametrize("degrees", [-30.0, -7.3, 0.0, 0.5, 26.9])
@pytest.mark.parametrize("channels", [1, 3])
def test_rotation_is_pil_s(degrees: float, interpolation: str, channels: int) -> None:
    images = torch.cat([pictures(6, channels, 32, 27), noise(8, 10, channels, 32, 27)])
    maps = warps.rotation(torch.full((len(images),), degrees, dtype=torch.float64), 32, 27)
    fill = FILL if channels == 3 else FILL[0]
    expected = [to_pil(image).rotate(degrees, resampling(interpolation), fillcolor=fill) for image in images]
    levels = 255 if interpolation == "nearest" else 1
    assert_within(warped(images, maps, interpolation), torch.stack([from_pil(e) for e in expected]), levels, 0.005)


@pytest.mark.parametrize("interpolation", warps.INTERPOLATIONS)
def test_samples_and_frames_and_channels_do_not_touch_each_other(interpolation: str) -> None:
    """Five channels and four time steps are seen through the map of their sample, as if they were alone."""
    clips = noise(9, 3, 4, 5, 12, 10)
    maps = warps.rotation(torch.tensor([-20.0, 5.0, 29.0], dtype=torch.float64), 12, 10)
    fill = torch.tensor([1, 2, 3, 4, 5], dtype=torch.uint8).view(-1, 1, 1)
    together = warps.warp(clips, maps, fill, interpolation)
    for sample in range(3):
        for channel in range(5):
            alone = clips[sample, :, channel].reshape(4, 1, 1, 12, 10)
            result = warps.warp(alone, maps[sample].expand(4, -1, -1), fill[channel : channel + 1], interpolation)
            assert torch.equal(together[sample, :, channel], result[:, 0, 0])


@pytest.mark.parametrize("interpolation", warps.INTERPOLATIONS)
def test_plain_surfaces_stay_plain(interpolation: str) -> None:
    for colour in range(0, 256, 5):
        images = torch.full((4, 1, 1, 16, 16), colour, dtype=torch.uint8)
        maps = warps.rotation(torch.tensor([3.0, 11.0, 17.7, 29.9], dtype=torch.float64), 16, 16)
        assert torch.equal(warps.warp(images, maps, images[0, 0], interpolation), images)
