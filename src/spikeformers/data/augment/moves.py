"""Frames rolled round their borders, and squares cut out of them. They work on any dtype and number of channels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.data.augment.compose import as_frames
from spikeformers.errors import ConfigError


@dataclass(frozen=True)
class Roll:
    """Move each sample down and to the right by up to `pixels`, or back; what leaves at a border comes in opposite.

    Raises:
        ConfigError: a negative number of pixels.
    """

    pixels: int

    def __post_init__(self) -> None:
        if self.pixels < 0:
            raise ConfigError(f"Roll: pixels is {self.pixels}; it must be 0 or more.")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        frames = as_frames(images, "Roll")
        down, right = torch.randint(-self.pixels, self.pixels + 1, (2, len(frames)), generator=generator)
        return roll(frames, down, right).reshape(images.shape)


def roll(frames: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Return frames `[B, T, C, H, W]` rolled by whole numbers of pixels per sample, int64 `[B]`."""
    height, width = frames.shape[-2:]
    rows = (torch.arange(height) - down.unsqueeze(1)) % height  # [B, H]
    columns = (torch.arange(width) - right.unsqueeze(1)) % width  # [B, W]
    sample = torch.arange(len(frames)).view(-1, 1, 1)
    places = (sample, slice(None), slice(None), rows.unsqueeze(2), columns.unsqueeze(1))
    return frames[places].permute(0, 3, 4, 1, 2)  # indexed axes come first: [B, H, W, T, C]


@dataclass(frozen=True)
class CutOut:
    """Write 0 into a square of each sample, the same in all its time steps (DeVries and Taylor, 2017).

    Its centre lies on any pixel; what sticks out of the frame is cut off.

    Args:
        side: of the square, in pixels.

    Raises:
        ConfigError: a negative side.
    """

    side: int

    def __post_init__(self) -> None:
        if self.side < 0:
            raise ConfigError(f"CutOut: side is {self.side} pixels; it must be 0 or more.")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        frames = as_frames(images, "CutOut")
        height, width = frames.shape[-2:]
        row, column = (torch.randint(size, (len(frames),), generator=generator) for size in (height, width))
        inside = self._covers(height, row).unsqueeze(2) & self._covers(width, column).unsqueeze(1)
        return frames.masked_fill(inside[:, None, None].to(frames.device), 0).reshape(images.shape)

    def _covers(self, size: int, centre: Tensor) -> Tensor:
        begin = centre.unsqueeze(1) - self.side // 2
        pixels = torch.arange(size)
        return (pixels >= begin) & (pixels < begin + self.side)
