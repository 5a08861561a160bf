"""Blur: what lies beyond the border is the border's value again."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.measure.disturbances.draws import Streams, uniform

_REACH = 4  # standard deviations at which the Gaussian kernel ends
_TAIL = 3  # standard deviations at which the streak of a moving point ends


def gaussian_blur(images: Tensor, sigma: float, draws: Streams) -> Tensor:
    """Blur uint8 [B, C, H, W] by a Gaussian with a standard deviation of `sigma` pixels; float32."""
    radius = int(_REACH * sigma + 0.5)
    if not radius:
        return images.float()
    weights = _bell(torch.arange(-radius, radius + 1), sigma)
    planes = images.float().flatten(0, 1).unsqueeze(1)  # [B C, 1, H, W]
    across = F.conv2d(F.pad(planes, (radius, radius, 0, 0), "replicate"), weights.view(1, 1, 1, -1))
    blurred = F.conv2d(F.pad(across, (0, 0, radius, radius), "replicate"), weights.view(1, 1, -1, 1))
    return blurred.view(images.shape)


def motion_blur(images: Tensor, sigma: float, draws: Streams) -> Tensor:
    """Smear uint8 [B, C, H, W] to one side, along a direction within 45 degrees of the horizontal; float32.

    The streak fades as one half of a Gaussian with a standard deviation of `sigma` pixels.
    """
    angle = (uniform(draws, (1,)) - 0.5) * (math.pi / 2)  # [B, 1]
    direction = torch.cat([angle.cos(), angle.sin()], -1)[:, None, None]  # [B, 1, 1, 2], x and y
    steps = torch.arange(math.ceil(_TAIL * sigma) + 1)
    weights = _bell(steps, sigma or 1.0)
    pixels = images.float()
    return sum((w * _moved(pixels, step * direction) for w, step in zip(weights, steps, strict=True)), torch.zeros(()))


def _bell(distance: Tensor, sigma: float) -> Tensor:
    weights = torch.exp(-0.5 * (distance / sigma) ** 2)
    return weights / weights.sum()


def _moved(pixels: Tensor, by: Tensor) -> Tensor:
    """Look up every pixel `by` (x, y) pixels away, linearly between pixels."""
    height, width = pixels.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    places = torch.stack([x, y], -1) + by  # [B, H, W, 2]
    return F.grid_sample(
        pixels, 2 * places / torch.tensor([width, height]) - 1, padding_mode="border", align_corners=False
    )
