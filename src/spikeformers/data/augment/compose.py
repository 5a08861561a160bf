"""What an augmentation is, and how several become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.errors import ConfigError, InputError

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Compose:
    """Apply augmentations one after the other."""

    steps: tuple[Augment, ...]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        for step in self.steps:
            images = step(images, generator)
        return images


def as_frames(images: Tensor, name: str) -> Tensor:
    """Return images `[B, C, H, W]` as a view `[B, 1, C, H, W]`, and frames `[B, T, C, H, W]` as they are.

    Raises:
        InputError: any other number of axes; the message begins with `name`.
    """
    if images.ndim not in (4, 5):
        raise InputError(
            f"{name} takes images [B, C, H, W] or frames [B, T, C, H, W]; got the shape {tuple(images.shape)}."
        )
    return images.unsqueeze(1) if images.ndim == 4 else images


def require_probability(value: float, name: str, word: str = "probability") -> None:
    """Raise ConfigError unless the value lies in 0..1."""
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"{name}: {word} is {value}; it must be 0 to 1.")
