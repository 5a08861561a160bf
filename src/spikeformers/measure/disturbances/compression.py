"""Detail that is thrown away: pixelate and JPEG. uint8 [B, C, H, W] in, float32 out."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from spikeformers.measure.disturbances.draws import Streams


def pixelate(images: Tensor, share: float, draws: Streams) -> Tensor:
    """Shrink both sides to this share of their pixels and enlarge again, with Pillow's box filter both times."""
    rows, columns = (_boxes(length, max(1, int(length * share))) for length in images.shape[-2:])
    return rows @ images.float() @ columns.T


def jpeg(images: Tensor, quality: float, draws: Streams) -> Tensor:
    """Compress and decompress as JPEG of this quality; other than three channels one by one, as grey pictures."""
    together = images.shape[1] == 3
    pictures = images.movedim(1, -1) if together else images.flatten(0, 1)
    read = torch.stack([_compressed(picture.numpy(), int(quality)) for picture in pictures])
    return (read.movedim(-1, 1) if together else read.view(images.shape)).float()


def _compressed(picture: np.ndarray, quality: int) -> Tensor:
    with io.BytesIO() as file:
        Image.fromarray(picture).save(file, "jpeg", quality=quality)
        return torch.from_numpy(np.array(Image.open(file)))


def _boxes(length: int, to: int) -> Tensor:
    """What every one of `length` pixels shows of the original ones, [length, length], after only `to` are left."""
    pixels, boxes = (torch.arange(count, dtype=torch.float64) + 0.5 for count in (length, to))
    scale = length / to
    offset = (pixels - boxes.unsqueeze(1) * scale) / scale  # [to, length]; a pixel may lie just on the border
    inside = ((offset > -0.5) & (offset <= 0.5)).float()
    shrunk = inside / inside.sum(1, keepdim=True)
    return shrunk[(pixels / scale).long()]
