from __future__ import annotations

import torch

from spikeformers.data import Images
from spikeformers.data.statistics import channel_statistics


def images(pixels: torch.Tensor) -> Images:
    return Images(pixels, torch.zeros(len(pixels), dtype=torch.int64))


def test_all_pixels_of_a_channel_count_alike() -> None:
    pixels = torch.randint(0, 256, (250, 3, 5, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    pixels[:, 1] //= 2
    mean, std = channel_statistics(images(pixels))
    scaled = pixels.double() / 255
    torch.testing.assert_close(torch.tensor(mean).double(), scaled.mean((0, 2, 3)), atol=5e-5, rtol=0)
    expected = scaled.std((0, 2, 3), correction=0)
    torch.testing.assert_close(torch.tensor(std).double(), expected, atol=5e-5, rtol=0)


def test_of_many_pictures_evenly_spaced_ones_are_taken() -> None:
    # Sorted by class, as folders are: the first 2000 alone would be dark.
    pixels = torch.zeros(6000, 1, 1, 1, dtype=torch.uint8)
    pixels[3000:] = 255
    assert channel_statistics(images(pixels)) == ((0.5,), (0.5,))


def test_a_channel_without_contrast_can_be_divided_by() -> None:
    assert channel_statistics(images(torch.full((3, 1, 2, 2), 51, dtype=torch.uint8))) == ((0.2,), (1 / 255,))
