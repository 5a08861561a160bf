from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from spikeformers.data import FolderGallery, FramedPictures, Framing, Images
from spikeformers.data.pictures.statistics import channel_statistics
from spikeformers.errors import DataError


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


def test_unreadable_pictures_are_left_out_also_where_they_are_read_alone(tmp_path: Path) -> None:
    names = [f"{index:03}.png" for index in range(101)]  # the last is in a chunk of its own
    for index, name in enumerate(names):
        Image.new("L", (2, 2), 255 if index < 50 else 0).save(tmp_path / name)
    source = FramedPictures(
        FolderGallery(tmp_path, names, torch.zeros(101, dtype=torch.int64)), Framing(image_size=(2, 2), channels=1)
    )
    for index in (60, 100):
        (tmp_path / names[index]).write_bytes(b"no picture")
    share = 50 / 99
    assert channel_statistics(source) == ((round(share, 4),), (round((share * (1 - share)) ** 0.5, 4),))
    for name in names:
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match=r"None of 101 pictures can be read\. .*000\.png.* and 96 more\."):
        channel_statistics(source)
