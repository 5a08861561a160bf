"""The Haar mixer: sums and differences of neighbouring tokens, of pairs, of pairs of pairs ..."""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.attention.transforms import Transform, TransformMixer
from spikeformers.layers.unit import unit_inputs
from spikeformers.layers.values import REAL

Over = Literal["tokens", "map"]


class Haar(Transform):
    """H x with H_1 = [1], H_2n = [H_n (x) (1, 1); I_n (x) (1, -1)] / sqrt 2: orthogonal, 1 + log2 N weights a token."""

    def transform(self, x: Tensor) -> Tensor:
        """In log2 N steps, N sums and differences in all but a factor of two.

        Raises:
            InputError: the axis is no power of two.
        """
        size = x.shape[self.axis]
        if not is_power_of_two(size):
            raise InputError(
                f"the Haar transform takes a power of two, and an input of this size makes {size}. Give the model the "
                "image size it is meant for."
            )
        means, details = x.movedim(self.axis, -1), []
        while means.shape[-1] > 1:
            one, other = torch.unflatten(means, -1, (-1, 2)).unbind(-1)
            details.append((one - other) * 0.5**0.5)
            means = (one + other) * 0.5**0.5
        return torch.cat([means, *reversed(details)], -1).movedim(-1, self.axis)

    def weights_for(self, x: Tensor) -> Tensor:
        """[N, N]."""
        return haar_matrix(x.shape[self.axis])


@attention("haar")
class HaarMixer(TransformMixer):
    """The orthonormal Haar wavelet transform of the tokens of each time step, in rows, or of the rows and columns of
    their map.

    Args:
        plan: what it is built from; heads say nothing.
        over: "tokens" (a power of two) or "map": rows, then columns, which are real by then (both powers of two).

    Raises:
        ConfigError: over is neither, or the config's tokens are no power of two.
    """

    def __init__(self, plan: AttentionPlan, *, over: str = "tokens") -> None:
        if over not in get_args(Over):
            raise ConfigError(f"over must be one of {', '.join(get_args(Over))}; got {over!r}.")
        if plan.grid is not None:
            _require_powers_of_two(over, plan.grid)
        inputs = unit_inputs(plan.shortcut, plan.inputs, plan.vocabulary)
        operation: dict[str, nn.Module] = {"tokens": Haar(inputs)}
        if over == "map":
            operation = {"rows": Haar(inputs), "columns": Haar(REAL, axis=-2)}
        super().__init__(plan, operation, mapped=over == "map")


def is_power_of_two(number: int) -> bool:
    """Whether a number of tokens is 1, 2, 4, 8 ..."""
    return number > 0 and number & (number - 1) == 0


@cache
def haar_matrix(size: int) -> Tensor:
    """H of the transform, [N, N] of float64."""
    matrix = torch.ones(1, 1, dtype=torch.float64)
    while len(matrix) < size:
        identity = torch.eye(len(matrix), dtype=torch.float64)
        pairs = [torch.kron(matrix, matrix.new_tensor([[1, 1]])), torch.kron(identity, matrix.new_tensor([[1, -1]]))]
        matrix = torch.cat(pairs) * 0.5**0.5
    return matrix


def _require_powers_of_two(over: str, grid: tuple[int, int]) -> None:
    sizes = grid if over == "map" else (grid[0] * grid[1],)
    if not all(map(is_power_of_two, sizes)):
        what = "rows and columns" if over == "map" else "tokens"
        raise ConfigError(
            f"the Haar transform halves its {what} down to one, so that they must be a power of two; a map of "
            f"{grid[0]} x {grid[1]} has {' and '.join(map(str, sizes))}. Choose an image_size or stride that gives "
            'such maps, 8 x 8 for instance, or attention = "fourier", which takes any.'
        )
