"""The LIF kernels for GPUs, in Triton; functions and arguments are those of `ops.lif.native`.

Block sizes follow from sizes alone and are not tuned on the machine: they decide in which order sums are added, and a
run must repeat. Products and sums are not contracted to one rounding (`enable_fp_fusion`), which would move potentials
across thresholds.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import triton
from torch import Tensor

from spikeformers.ops.layout import Layout
from spikeformers.ops.lif.dynamics import Dynamics
from spikeformers.ops.lif.triton.kernels import backward_kernel, forward_kernel
from spikeformers.ops.lif.triton.norm import moments_kernel, norm_backward_kernel, together_kernel
from spikeformers.ops.lif.triton.tiles import tiling

_SURROGATES: Final = ("sigmoid", "atan", "rectangular", "triangle")
_UNROLLED: Final = 16
_OPTIONS: Final[dict[str, Any]] = {"enable_fp_fusion": False, "num_warps": 4}


def serves(x: Tensor, dynamics: Dynamics) -> bool:
    """Whether the kernels run this neuron on this current; float64 and smooth or user-made surrogates they do not."""
    return (
        x.dtype in (torch.float32, torch.bfloat16, torch.float16)
        and not dynamics.surrogate.smooth
        and dynamics.surrogate.name in _SURROGATES
        and dynamics.levels < 2**20
    )


def forward(
    x: Tensor,
    layout: Layout,
    dynamics: Dynamics,
    *,
    inverse_tau: Tensor | None = None,
    gain: Tensor | None = None,
    mean: Tensor | None = None,
    shift: Tensor | None = None,
    v: Tensor | None = None,
    last: Tensor | None = None,
    out: Tensor | None = None,
    bits: Tensor | None = None,
) -> None:
    """Run the neuron on z = gain (x - mean) + shift, filling out [T, ...], its bits and the last potential.

    Args: as `native.forward`.
    """
    steps = _steps(layout)
    tiles = tiling(layout if gain is not None else _without_channels(layout), _elements(steps))
    if x.numel():
        with torch.cuda.device_of(x):
            forward_kernel[tiles.grid](
                x, gain, mean, shift, inverse_tau, v, last, out, bits,
                layout.step_stride, _size(layout), tiles.row_units, tiles.inner_units, tiles.channels,
                dynamics, layout.steps // steps, steps, **tiles.constants, **_OPTIONS,
            )  # fmt: skip


def backward(
    x: Tensor,
    layout: Layout,
    dynamics: Dynamics,
    *,
    inverse_tau: Tensor | None = None,
    gain: Tensor | None = None,
    mean: Tensor | None = None,
    shift: Tensor | None = None,
    v: Tensor | None = None,
    grad_out: Tensor | None = None,
    grad_last: Tensor | None = None,
    grad_x: Tensor | None = None,
    grad_v: Tensor | None = None,
    sums: Tensor | None = None,
) -> Tensor | None:
    """Gradients of what `forward` ran, which is run again.

    Args: as `native.backward`.

    Returns:
        The gradient of inverse_tau, float64 [], where there is one.
    """
    steps = _steps(layout)
    tiles = tiling(layout if gain is not None else _without_channels(layout), _elements(steps))
    programs = tiles.grid[0]
    chunks = layout.steps // steps
    partial = None if sums is None else x.new_empty(2, programs, tiles.channels, dtype=torch.float32)
    leaks = None if inverse_tau is None else x.new_empty(tiles.grid, dtype=torch.float32)
    saved = x.new_empty(chunks - 1, _size(layout), dtype=torch.float32) if chunks > 1 else None
    if x.numel():
        with torch.cuda.device_of(x):
            backward_kernel[tiles.grid](
                x, gain, mean, shift, inverse_tau, v,
                None if grad_out is None else grad_out[-1], grad_last, None if grad_x is None else grad_x[-1], grad_v,
                partial, leaks, saved,
                layout.step_stride, _size(layout), tiles.row_units, tiles.inner_units, tiles.channels,
                dynamics, chunks, steps, **tiles.constants, **_OPTIONS,
            )  # fmt: skip
    if partial is not None and sums is not None:
        torch.sum(partial, 1, dtype=torch.float64, out=sums)
    return None if leaks is None else leaks.sum(dtype=torch.float64)


def channel_moments(x: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel over all steps, float64 [channels]."""
    tiles = tiling(layout.as_one_step(), 1024)
    # Enough programs to fill a GPU, each with several tiles.
    each = max(4, -(-tiles.rows // (1024 * tiles.block_rows))) * tiles.block_rows
    programs = -(-tiles.rows // each)
    partial = x.new_empty(3, programs, tiles.channels, dtype=torch.float32)
    # Not two rows of one tensor: what an operator returns may not share memory.
    mean, variance = (x.new_empty(tiles.channels, dtype=torch.float64) for _ in range(2))
    with torch.cuda.device_of(x):
        moments_kernel[programs, tiles.grid[1]](
            x, partial, tiles.row_units, tiles.inner_units, tiles.channels, each, **tiles.constants, **_OPTIONS
        )
        together_kernel[(-(-tiles.channels // 16),)](
            partial, mean, variance, programs, tiles.rows, tiles.channels, each, P=64, C=16, **_OPTIONS
        )
    return mean, variance


def norm_backward(grad: Tensor, y: Tensor, layout: Layout, mean: Tensor, coefficients: Tensor, out: Tensor) -> None:
    """Fill out with a grad + b (y - mean) + d for each channel.

    Args: as `native.norm_backward`.
    """
    tiles = tiling(layout.as_one_step(), 1024)
    with torch.cuda.device_of(y):
        norm_backward_kernel[tiles.grid](
            grad,
            y,
            mean,
            coefficients,
            out,
            tiles.row_units,
            tiles.inner_units,
            tiles.channels,
            **tiles.constants,
            **_OPTIONS,
        )


def _size(layout: Layout) -> int:
    return layout.outer * layout.channels * layout.inner


def _without_channels(layout: Layout) -> Layout:
    return layout._replace(outer=1, channels=1, inner=_size(layout))


def _steps(layout: Layout) -> int:
    """Steps whose potentials are in registers together: as many as divide T and are not too many."""
    return max(steps for steps in range(1, _UNROLLED + 1) if layout.steps % steps == 0)


def _elements(steps: int) -> int:
    """Of a tile, so that a thread holds 32 potentials at most."""
    return min(1024, 4096 // int(triton.next_power_of_2(steps)))
