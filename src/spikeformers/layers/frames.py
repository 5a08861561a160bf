"""Running what knows no time axis over all frames at once."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


def over_frames(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a function of [T B, ...] to [T, B, ...]; frames are in time-major order, as in the papers' code."""
    frames = function(x.flatten(0, 1))
    return frames.view(*x.shape[:2], *frames.shape[1:])


class OverFrames(nn.Module):
    """An ordinary module, such as nn.GroupNorm, over the frames of [T, B, ...]."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, ...] -> [T, B, ...]."""
        return over_frames(self.module, x)
