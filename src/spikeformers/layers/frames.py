"""Running what knows no time axis over all frames at once."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def over_frames(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a function of [T B, ...] to [T, B, ...]; frames are in time-major order, as in the papers' code."""
    frames = function(x.flatten(0, 1))
    return frames.view(*x.shape[:2], *frames.shape[1:])
