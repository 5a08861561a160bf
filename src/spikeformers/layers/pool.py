"""Pooling over maps [T, B, C, H, W]."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.layers.frames import over_frames
from spikeformers.layers.op_spec import ElementSpec
from spikeformers.layers.values import Values
from spikeformers.ops.pool import max_pool


class MaxPool(nn.Module):
    """Max-pooling that halves a map: kernel 3, stride 2, padding 1 (of -inf: inputs may be negative)."""

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, H, W] -> [T, B, C, ceil(H/2), ceil(W/2)]."""
        return over_frames(partial(max_pool, stride=2), x)

    def element_spec(self) -> ElementSpec:
        """The pool."""
        return _pool_spec(kernel=3, stride=2, padding=1)


class AvgPool(nn.Module):
    """Mean over windows that do not overlap.

    Args:
        size: height and width of a window.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, H, W] -> [T, B, C, H / size, W / size]."""
        return over_frames(lambda frames: F.avg_pool2d(frames, self.size), x)

    def element_spec(self) -> ElementSpec:
        """The pool."""
        return _pool_spec(kernel=self.size, stride=self.size)

    def values(self, inputs: Values) -> Values:
        """Values of the output."""
        return inputs.averaged(self.size**2)


class Dilate(nn.Module):
    """Max-pooling that keeps the size: kernel 3, stride 1, padding 1, over the last two axes.

    Spike-driven Transformer calls it Erode: on spikes it makes a spike of every neighbour of one.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, H, W] -> the same."""
        return over_frames(partial(max_pool, stride=1), x)

    def element_spec(self) -> ElementSpec:
        """The pool."""
        return _pool_spec(kernel=3, padding=1)


def _pool_spec(*, kernel: int, stride: int = 1, padding: int = 0) -> ElementSpec:
    return ElementSpec(kind="pool", kernel=(kernel,) * 2, stride=(stride,) * 2, padding=(padding,) * 2, dilation=(1, 1))
