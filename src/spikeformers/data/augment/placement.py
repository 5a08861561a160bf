"""Crop and flip: where the picture lies in its frame. They work on any dtype and any number of channels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.data.augment.compose import as_frames, require_probability
from spikeformers.data.augment.fill import fill_pixel
from spikeformers.errors import ConfigError


@dataclass(frozen=True)
class RandomCrop:
    """Surround each image with `padding` pixels of the colour `fill` and cut its old size out at a random place.

    Args:
        padding: pixels on every side.
        fill: one number per channel or one for all, in the units of the images; black by default.

    Raises:
        ConfigError: a negative padding.
    """

    padding: int
    fill: tuple[float, ...] = (0,)

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise ConfigError(f"RandomCrop: padding is {self.padding} pixels; it must be 0 or more.")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        frames = as_frames(images, "RandomCrop")
        batch, steps, channels, height, width = frames.shape
        pad = self.padding
        colour = fill_pixel(self.fill, images, "RandomCrop")
        padded = colour.expand(batch, steps, channels, height + 2 * pad, width + 2 * pad).clone()
        padded[..., pad : pad + height, pad : pad + width] = frames
        windows = padded.unfold(3, height, 1).unfold(4, width, 1)  # a view: [B, T, C, down, right, H, W]
        down, right = torch.randint(0, 2 * pad + 1, (2, batch), generator=generator)
        return windows[torch.arange(batch), :, :, down, right].reshape(images.shape)


@dataclass(frozen=True)
class RandomHorizontalFlip:
    """Mirror each image left to right with the given probability.

    Raises:
        ConfigError: a probability outside 0..1.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        require_probability(self.probability, "RandomHorizontalFlip")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        as_frames(images, "RandomHorizontalFlip")
        chosen = torch.rand(len(images), generator=generator) < self.probability
        return torch.where(chosen.view(-1, *[1] * (images.ndim - 1)).to(images.device), images.flip(-1), images)
