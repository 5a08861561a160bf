"""Values that hold until the next one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def held(values: NDArray[np.int64], given: NDArray[np.bool_], before: int) -> NDArray[np.int64]:
    """Return at each place the last value that was given there or earlier; `before` where there was none, `[N]`.

    >>> held(np.array([0, 7, 0, 0, 9]), np.array([False, True, False, False, True]), 5).tolist()
    [5, 7, 7, 7, 9]
    """
    places = np.flatnonzero(given)
    known = np.concatenate([[before], values[places]])
    lengths = np.diff(places, prepend=0, append=len(values))
    holding: NDArray[np.int64] = np.repeat(known, lengths)
    return holding
