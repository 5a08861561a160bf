"""Pixels become inputs by mean and standard deviation."""

from __future__ import annotations

import pytest
import torch

from spikeformers.data import Normalised, Pictures, normalise
from spikeformers.errors import DataError

MEAN, STD = (0.3, 0.5), (0.2, 0.25)


@pytest.mark.parametrize("shape", [(4, 2, 3, 5), (2, 3, 2, 3, 5)])
def test_pixels_are_scaled_shifted_and_divided(shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 256, shape, dtype=torch.uint8)
    x = normalise(images, MEAN, STD)
    assert (x.dtype, x.shape) == (torch.float32, shape)
    for channel in (0, 1):
        expected = (images.double().select(-3, channel) / 255 - MEAN[channel]) / STD[channel]
        # float32 rounds at each of three operations, on values up to 4
        torch.testing.assert_close(x.double().select(-3, channel), expected, rtol=0, atol=2e-6)


def test_evaluated_pictures_keep_their_labels() -> None:
    images, labels = torch.randint(0, 256, (4, 2, 3, 5), dtype=torch.uint8), torch.arange(4)
    x, targets = Normalised(MEAN, STD)(Pictures(images, labels), torch.Generator(), 0)
    assert torch.equal(x, normalise(images, MEAN, STD))
    assert torch.equal(targets, labels)


def test_as_many_means_as_channels_are_needed() -> None:
    with pytest.raises(DataError, match=r"2 channel\(s\), but 1 means"):
        normalise(torch.zeros(1, 2, 3, 3, dtype=torch.uint8), (0.5,), STD)
