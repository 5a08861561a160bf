"""How often the windows of a convolution or a pool read each position of their input."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


@cache
def reads(
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Tensor:
    """How often one filter reads each position of its input, int64 [*sizes]; positions of the padding are none.

    Args:
        sizes: of the input, the spatial axes only.
        kernel, stride, padding, dilation: of the filter, one number for each of those axes.
    """
    counts = torch.ones((), dtype=torch.int64)
    for size, taps, step, pad, gap in zip(sizes, kernel, stride, padding, dilation, strict=True):
        starts = torch.arange(-pad, size + pad - gap * (taps - 1), step)
        positions = (starts[:, None] + gap * torch.arange(taps)).flatten()
        inside = positions[(positions >= 0) & (positions < size)]
        counts = counts[..., None] * torch.bincount(inside, minlength=size)
    return counts
