"""From pixels to a model's input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.data.sources import Pictures
from spikeformers.errors import DataError


def unchanged(channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and std with which `normalise` leaves numbers as they are, such as counts of events."""
    return (0.0,) * channels, (1 / 255,) * channels


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return `(images / 255 - mean) / std` per channel as a new float32 tensor.

    Args:
        images: `[..., C, H, W]`, 0..255, uint8 or float.
        mean, std: one number per channel.

    Raises:
        DataError: not as many means or standard deviations as channels.
    """
    if not len(mean) == len(std) == images.shape[-3]:
        raise DataError(
            f"The images have {images.shape[-3]} channel(s), but {len(mean)} means and {len(std)} standard "
            "deviations were given. Give one of each per channel."
        )
    centre = torch.tensor(mean, device=images.device).view(-1, 1, 1)
    spread = torch.tensor(std, device=images.device).view(-1, 1, 1)
    return torch.addcmul(-centre / spread, images.float(), 1 / (255 * spread))


@dataclass(frozen=True)
class Normalised:
    """What a `Loader` does to pictures that are only evaluated."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, pictures: Pictures, generator: torch.Generator, epoch: int) -> tuple[Tensor, Tensor]:
        """Return normalised inputs `[B, C, H, W]` and labels `[B]`."""
        return normalise(pictures.images, self.mean, self.std), pictures.labels
