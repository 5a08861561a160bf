"""What measuring is given: one batch, or batches with or without their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor

from spikeformers.errors import InputError

Progress = Callable[[int], None]  # is told the number of samples done so far


def batches(data: Tensor | Iterable[Any], limit: int | None = None) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Each batch and its targets (None where it has none), empty ones left out.

    Args:
        data: one batch, or batches: tensors, or pairs of a tensor and its targets.
        limit: samples at most; the last batch is cut.

    Raises:
        InputError: what is no batch, or a limit below 1.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit must be at least one sample, got {limit}.")
    left = limit
    for item in [data] if isinstance(data, Tensor) else data:
        pair = item if isinstance(item, tuple | list) else (item,)
        x, targets = pair[0] if pair else None, pair[1] if len(pair) > 1 else None
        if not isinstance(x, Tensor) or x.dim() < 1:
            raise InputError(f"a batch is a tensor, or a pair of a tensor and its targets; got {type(item).__name__}.")
        x, targets = x[:left], targets[:left] if isinstance(targets, Tensor) else None
        if len(x):
            yield x, targets
        left = None if left is None else left - len(x)
        if left == 0:
            return
