"""Noise on pixels. Every function takes uint8 [B, C, H, W] and returns float32, not yet rounded or cut to 0..255."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.measure.disturbances.draws import Streams, normal, uniform


def gaussian_noise(images: Tensor, deviation: float, draws: Streams) -> Tensor:
    """Add normal noise of this standard deviation, as a share of the pixel range, to every value."""
    return images + 255 * deviation * normal(draws, images.shape[1:])


def shot_noise(images: Tensor, photons: float, draws: Streams) -> Tensor:
    """Draw every value from the Poisson distribution of its brightness; full intensity is so many photons."""
    expected = images * (photons / 255)
    seen = [torch.poisson(each, generator=generator) for each, generator in zip(expected, draws, strict=True)]
    return torch.stack(seen) * (255 / photons)


def impulse_noise(images: Tensor, share: float, draws: Streams) -> Tensor:
    """Set this share of all values, each channel by itself, to 0 or 255."""
    struck, bright = (uniform(draws, images.shape[1:]) for _ in range(2))
    return torch.where(struck < share, torch.where(bright < 0.5, 0.0, 255.0), images.float())
