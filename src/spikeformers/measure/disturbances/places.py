"""Where the object is: occlusion, rotation, translation. uint8 [B, C, H, W] in, float32 out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spikeformers.data.augment.warps import rotation, translate_x, translate_y, warp
from spikeformers.measure.disturbances.draws import Streams, uniform


def occlusion(images: Tensor, share: float, draws: Streams) -> Tensor:
    """Cover one square, its side a share of the picture's shorter one, with the picture's mean colour.

    A larger square of the same draws covers all that a smaller one does.
    """
    pixels = images.float()
    height, width = pixels.shape[-2:]
    side = round(share * min(height, width))
    room = torch.tensor([height - side + 1, width - side + 1])
    top, left = (uniform(draws, (2,)) * room).long().unbind(-1)  # [B]
    rows, columns = (_between(start, side, length) for start, length in ((top, height), (left, width)))
    covered = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(covered, pixels.mean((2, 3), keepdim=True), pixels)


def rotate(images: Tensor, degrees: float, draws: Streams) -> Tensor:
    """Turn about the centre, either way by the same chance; what comes into view is black."""
    height, width = images.shape[-2:]
    way = torch.where(uniform(draws, (1,)).squeeze(1) < 0.5, -1.0, 1.0).double()
    return _warped(images, rotation(way * degrees, height, width))


def translate(images: Tensor, share: float, draws: Streams) -> Tensor:
    """Move by a share of the picture's size, in any direction; what comes into view is black."""
    height, width = images.shape[-2:]
    angle = 2 * math.pi * uniform(draws, (1,)).squeeze(1).double()
    maps = translate_x(share * angle.cos(), height, width)
    maps[:, 1] = translate_y(share * angle.sin(), height, width)[:, 1]
    return _warped(images, maps)


def _between(start: Tensor, length: int, of: int) -> Tensor:
    """Bool [B, of], true from each start on."""
    after = torch.arange(of) - start.unsqueeze(1)
    return (after >= 0) & (after < length)


def _warped(images: Tensor, maps: Tensor) -> Tensor:
    black = images.new_zeros(images.shape[1], 1, 1)
    return warp(images.unsqueeze(1), maps, black, "bilinear").squeeze(1).float()
