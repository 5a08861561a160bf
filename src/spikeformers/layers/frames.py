"""Running what knows no time axis over all frames at once."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


def over_frames(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a function of [T B, ...] to [T, B, ...]; frames are in time-major order, as in the papers' code."""
    frames = function(_merged(x))
    return frames.view(*x.shape[:2], *frames.shape[1:])


def once_if_repeated(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a function of [T, ...] that has no memory: once, if x is one frame that is expanded over T.

    Then the result is expanded too. A static image under direct encoding is such an x.
    """
    if x.shape[0] == 1 or x.stride(0) != 0:
        return function(x)
    return function(x[:1]).expand(x.shape[0], *[-1] * (x.dim() - 1))


def _merged(x: Tensor) -> Tensor:
    if x.dim() == 5 and x.shape[0] > 1 and x.stride(0) == 0 and x.stride(2) == 1:
        # It cannot be merged without a copy; that of an expanded tensor would put its channels outermost.
        return x.movedim(2, -1).flatten(0, 1).movedim(-1, 1)
    return x.flatten(0, 1)


class OverFrames(nn.Module):
    """An ordinary module, such as nn.GroupNorm, over the frames of [T, B, ...]."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, ...] -> [T, B, ...]."""
        return over_frames(self.module, x)
