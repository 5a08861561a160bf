"""Rotation, shear and shift: each pixel of the result is looked up at a place in the image, as PIL does it.

A map `[N, 2, 3]` (float64) takes the centre (x + 0.5, y + 0.5, 1) of a result pixel to its place in the image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


def rotation(degrees: Tensor, height: int, width: int) -> Tensor:
    """Return maps that turn the picture anticlockwise about its centre."""
    angle = torch.deg2rad(-degrees)
    cos, sin = angle.cos(), angle.sin()
    x, y = width / 2, height / 2
    return _maps((cos, sin, x - x * cos - y * sin), (-sin, cos, y + x * sin - y * cos))


def shear_x(factor: Tensor, _height: int, _width: int) -> Tensor:
    """Return maps that move each row to the left by `factor` times its distance from the upper edge."""
    one, zero = torch.ones_like(factor), torch.zeros_like(factor)
    return _maps((one, factor, zero), (zero, one, zero))


def shear_x_about_middle(factor: Tensor, height: int, _width: int) -> Tensor:
    """Return maps that move each row to the left by `factor` times its distance from the middle row."""
    one, zero = torch.ones_like(factor), torch.zeros_like(factor)
    return _maps((one, factor, -factor * height / 2), (zero, one, zero))


def shear_y(factor: Tensor, _height: int, _width: int) -> Tensor:
    """Return maps that move each column up by `factor` times its distance from the left edge."""
    one, zero = torch.ones_like(factor), torch.zeros_like(factor)
    return _maps((one, zero, zero), (factor, one, zero))


def translate_x(share: Tensor, _height: int, width: int) -> Tensor:
    """Return maps that move the picture to the left by a share of its width."""
    one, zero = torch.ones_like(share), torch.zeros_like(share)
    return _maps((one, zero, share * width), (zero, one, zero))


def translate_y(share: Tensor, height: int, _width: int) -> Tensor:
    """Return maps that move the picture up by a share of its height."""
    one, zero = torch.ones_like(share), torch.zeros_like(share)
    return _maps((one, zero, zero), (zero, one, share * height))


def warp(frames: Tensor, maps: Tensor, fill: Tensor, interpolation: str) -> Tensor:
    """Return the frames seen through one map per sample; what lies outside of an image becomes `fill`.

    Args:
        frames: uint8 or float32 `[N, T, C, H, W]`, any number of channels.
        maps: float64 `[N, 2, 3]`.
        fill: `[C, 1, 1]`, in the dtype of the frames.
        interpolation: one of INTERPOLATIONS; on uint8, values between pixels are truncated, as PIL does.
    """
    samples, steps, channels, height, width = frames.shape
    x, y = _places(maps.to(frames.device), height, width)
    columns, across = _taps(x, width, interpolation)
    rows, down = _taps(y, height, interpolation)
    starts = torch.arange(0, samples * height * width, height * width, dtype=torch.int32, device=frames.device)
    pixels = frames.permute(0, 3, 4, 1, 2).reshape(samples * height * width, steps * channels).float()
    seen = torch.zeros_like(pixels)
    for tap in range(rows.shape[-1]):  # one row of neighbours at a time: all at once would need four times the memory
        index = starts.view(-1, 1, 1) + rows[..., tap, None] * width + columns
        weight = across * down[..., tap, None]
        seen += F.embedding_bag(index.flatten(0, 1), pixels, mode="sum", per_sample_weights=weight.flatten(0, 1))
    if frames.dtype == torch.uint8:
        # Weights of plain surfaces add up to 1 but for rounding, which truncation must not turn into a lost level.
        seen = (seen + 2**-10).clamp_(0, 255).byte()
    values = seen.view(samples, height, width, steps, channels).permute(0, 3, 4, 1, 2)
    inside = ((x >= 0) & (x < width) & (y >= 0) & (y < height)).view(samples, 1, 1, height, width)
    return torch.where(inside, values, fill)


def _maps(first: tuple[Tensor, Tensor, Tensor], second: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    return torch.stack((torch.stack(first, -1), torch.stack(second, -1)), -2)


def _places(maps: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return where the pixels of the result come from: x and y, each `[N, H * W]`."""
    across = torch.arange(width, dtype=torch.float64, device=maps.device) + 0.5
    down = (torch.arange(height, dtype=torch.float64, device=maps.device) + 0.5).unsqueeze(-1)
    weights = maps[..., None, None]  # [N, 2, 3, 1, 1]
    places = weights[:, :, 0] * across + weights[:, :, 1] * down + weights[:, :, 2]
    return places[:, 0].flatten(1), places[:, 1].flatten(1)


def _taps(place: Tensor, size: int, interpolation: str) -> tuple[Tensor, Tensor]:
    """Return the neighbours of places along one axis (int32) and their weights (float32), `[N, H * W, taps]`.

    Beyond the border, the border pixel is repeated.
    """
    if interpolation == "nearest":
        return place.floor().clamp(0, size - 1).int().unsqueeze(-1), torch.ones_like(place).float().unsqueeze(-1)
    offsets: tuple[int, ...]
    weights: tuple[Tensor, ...]
    first = (place - 0.5).floor()
    d = place - 0.5 - first
    if interpolation == "bilinear":
        offsets, weights = (0, 1), (1 - d, d)
    else:  # the cubic kernel with a = -1, PIL's; other libraries take -0.75 or -0.5
        offsets = (-1, 0, 1, 2)
        weights = (d * (d * (2 - d) - 1), 1 - d * d * (2 - d), d * (1 + d * (1 - d)), d * d * (d - 1))
    index = torch.stack([(first + offset).clamp(0, size - 1) for offset in offsets], -1)
    return index.int(), torch.stack(weights, -1).float()
