"""How activations over time lie in memory, for kernels that walk through it in order."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Layout(NamedTuple):
    """T steps of [outer][channels][inner], each dense.

    Args:
        steps: T.
        step_stride: elements from one step to the next; 0 where all are the same one.
        outer, channels, inner: sizes.
    """

    steps: int
    step_stride: int
    outer: int
    channels: int
    inner: int

    def as_one_step(self) -> Layout:
        """All steps as one: they follow each other in memory, or are the same."""
        steps = 1 if self.step_stride == 0 else self.steps
        return self._replace(steps=1, outer=self.outer * steps)


def is_dense(sizes: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether elements fill one stretch of memory, each its own place, in any order of the axes."""
    expected = 1
    for stride, size in sorted((stride, size) for size, stride in zip(sizes, strides, strict=True) if size != 1):
        if stride != expected:
            return False
        expected *= size
    return True


def with_dense_steps(x: Tensor) -> Tensor:
    """X itself where each of its steps [T, ...] is dense, else a contiguous copy."""
    return x if is_dense(x.shape[1:], x.stride()[1:]) else x.contiguous()


def empty_like_steps(x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """New memory for [T, ...]: steps in a row, each laid out as those of x, which are dense."""
    strides = (x[0].numel(), *x.stride()[1:])
    return torch.empty_strided(x.shape, strides, dtype=dtype or x.dtype, device=x.device)


def laid_out_as(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor itself where it lies in memory as another of its shape does, else a copy that does."""
    same = all(
        mine == other or size == 1
        for mine, other, size in zip(tensor.stride(), like.stride(), tensor.shape, strict=True)
    )
    if same:
        return tensor
    return torch.empty_strided(like.shape, like.stride(), dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def flat(x: Tensor) -> Layout:
    """The layout of [T, ...] with dense steps, where no axis has a meaning of its own."""
    return Layout(x.shape[0], _step_stride(x), 1, 1, x[0].numel())


def by_channel(x: Tensor) -> Layout:
    """The layout of [T, B, C, ...] with dense steps, by the channels of its axis 2."""
    channels, size = x.shape[2], x[0].numel()
    inner = x.stride(2) if channels > 1 else size
    return Layout(x.shape[0], _step_stride(x), size // (channels * inner), channels, inner)


def _step_stride(x: Tensor) -> int:
    return x.stride(0) if x.shape[0] > 1 else x[0].numel()
