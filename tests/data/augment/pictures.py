"""Pictures to change, and the way to PIL and back."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(seed: int, *shape: int, low: int = 0, high: int = 256) -> Tensor:
    return torch.randint(low, high, shape, generator=seeded(seed), dtype=torch.uint8)


def pictures(seed: int, channels: int = 3, height: int = 24, width: int = 20) -> Tensor:
    """Six very different pictures `[6, C, H, W]`: noise, a narrow range, two values, a ramp, blobs, a plain one."""
    shape = (channels, height, width)
    ramp = torch.linspace(3, 250, height * width).view(1, height, width).expand(shape).to(torch.uint8)
    coarse = noise(seed + 3, 1, channels, 4, 4).float()
    blobs = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0].to(torch.uint8)
    plain = noise(seed + 4, channels, 1, 1).expand(shape)
    two = noise(seed + 2, *shape, high=2) * 90 + 60
    return torch.stack([noise(seed, *shape), noise(seed + 1, *shape, low=90, high=140), two, ramp, blobs, plain])


def to_pil(image: Tensor) -> Image.Image:
    array = image.numpy()
    return (
        Image.fromarray(array[0])
        if len(array) == 1
        else Image.fromarray(np.ascontiguousarray(array.transpose(1, 2, 0)))
    )


def from_pil(image: Image.Image) -> Tensor:
    array = np.array(image)
    return torch.from_numpy(array if array.ndim == 3 else array[..., None]).permute(2, 0, 1)


def assert_within(ours: Tensor, theirs: Tensor, levels: int, share: float) -> None:
    """All values within some levels, and all but a share of them equal."""
    difference = (ours.int() - theirs.int()).abs()
    assert difference.max() <= levels
    assert (difference > 0).double().mean() <= share
