"""What small pictures in these tests show."""

from __future__ import annotations

import numpy as np


def picture(number: int, size: tuple[int, int] = (8, 6)) -> np.ndarray:
    """A colour picture `[H, W, 3]` of (width, height) `size`, another one for each number."""
    return np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
