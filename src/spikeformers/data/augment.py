"""Random changes of training images, for a whole batch at once.

An augmentation takes images `[B, C, H, W]` and a generator and returns images of the same shape and dtype.
Every sample gets a choice of its own. It is made before the model repeats the image over time, so all time
steps of a sample see the same one. Choices are drawn on the CPU: they do not depend on where the images lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.errors import ConfigError

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Compose:
    """Apply augmentations one after the other."""

    steps: tuple[Augment, ...]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        for step in self.steps:
            images = step(images, generator)
        return images


@dataclass(frozen=True)
class RandomCrop:
    """Surround each image with `padding` black pixels and cut its old size out at a random place.

    Raises:
        ConfigError: a negative padding.
    """

    padding: int

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise ConfigError(f"RandomCrop: padding is {self.padding} pixels; it must be 0 or more.")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        batch, _, height, width = images.shape
        padded = F.pad(images, (self.padding,) * 4)
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: [B, C, down, right, H, W]
        down, right = torch.randint(0, 2 * self.padding + 1, (2, batch), generator=generator)
        return windows[torch.arange(batch), :, down, right]


@dataclass(frozen=True)
class RandomHorizontalFlip:
    """Mirror each image left to right with the given probability.

    Raises:
        ConfigError: a probability outside 0..1.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.probability <= 1.0:
            raise ConfigError(f"RandomHorizontalFlip: probability is {self.probability}; it must be 0 to 1.")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        chosen = torch.rand(len(images), generator=generator) < self.probability
        return torch.where(chosen.view(-1, 1, 1, 1).to(images.device), images.flip(-1), images)
