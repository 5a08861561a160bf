"""The colour of the pixels that no image covers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spikeformers.errors import ConfigError, InputError


def mean_colour(mean: Sequence[float]) -> tuple[int, ...]:
    """Return the mean of a data set (per channel, pixels scaled to 0..1) as a colour in 0..255, as timm rounds it."""
    return tuple(min(255, round(255 * value)) for value in mean)


def fill_pixel(fill: Sequence[float], images: Tensor, name: str) -> Tensor:
    """Return the colour as `[C, 1, 1]` in the dtype and on the device of the images `[..., C, H, W]`.

    Args:
        fill: one number per channel, or one for all of them.

    Raises:
        InputError: neither one number nor one per channel.
        ConfigError: a number that uint8 images cannot hold.
    """
    channels = images.shape[-3]
    if len(fill) not in (1, channels):
        raise InputError(
            f"{name}: fill has {len(fill)} numbers, but the images have {channels} channel(s). "
            "Give one number per channel, or one for all."
        )
    if images.dtype == torch.uint8 and not all(0 <= value <= 255 and value == int(value) for value in fill):
        raise ConfigError(f"{name}: fill is {tuple(fill)}; a colour of uint8 images is whole numbers from 0 to 255.")
    return torch.tensor(fill, dtype=images.dtype, device=images.device).expand(channels).view(-1, 1, 1)
