"""Kernels for what a batch norm in front of a neuron needs besides it: the moments, and the way back through them."""

import triton
import triton.language as tl

from spikeformers.ops.lif.triton.tiles import of_channels, places


@triton.jit
def moments_kernel(
    x, partial, row_units, inner_units, channels, rows_each,
    UNIT: tl.constexpr, R: tl.constexpr, C: tl.constexpr, ALONE: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Of the rows of a program: its first value, and sums around it of x and of its square, [3, programs, channels].

    A value of the same distribution as pivot: little is lost where the mean is large.
    """
    first = tl.program_id(0) * rows_each
    channel, at_first, there = places(first, row_units, inner_units, channels, UNIT, 1, C, ALONE, WIDE)
    pivot = tl.load(x + at_first, mask=there, other=0.0).to(tl.float32)
    total = tl.zeros((R, C), tl.float32)
    squares = tl.zeros((R, C), tl.float32)
    for row in range(first, first + rows_each, R):
        _, at, inside = places(row, row_units, inner_units, channels, UNIT, R, C, ALONE, WIDE)
        deviation = tl.where(inside, tl.load(x + at, mask=inside, other=0.0).to(tl.float32) - pivot, 0.0)
        total += deviation
        squares += deviation * deviation
    mine = partial + tl.program_id(0).to(tl.int64) * channels + channel
    stride = tl.num_programs(0).to(tl.int64) * channels
    tl.store(mine, pivot, mask=there)
    tl.store(mine + stride, tl.sum(total, 0)[None, :], mask=there)
    tl.store(mine + 2 * stride, tl.sum(squares, 0)[None, :], mask=there)


@triton.jit
def together_kernel(
    partial, mean_of, variance_of, programs, rows, channels, rows_each, P: tl.constexpr, C: tl.constexpr
):  # fmt: skip
    """Mean and biased variance [channels], float64, of what `moments_kernel` left (Chan, Golub and LeVeque 1979)."""
    channel = tl.program_id(0) * C + tl.arange(0, C)[None, :]
    stride = tl.cast(programs, tl.int64) * channels
    total = tl.zeros((P, C), tl.float64)
    for first in range(0, programs, P):
        n, pivot, deviation, _ = pieces(partial, first, programs, rows, channels, rows_each, stride, channel, P)
        total += n * pivot + deviation
    mean = tl.sum(total, 0)[None, :] / rows
    squares = tl.zeros((P, C), tl.float64)
    for first in range(0, programs, P):
        n, pivot, deviation, square = pieces(partial, first, programs, rows, channels, rows_each, stride, channel, P)
        own = deviation / tl.maximum(n, 1.0)
        squares += square - own * deviation + n * (pivot + own - mean) * (pivot + own - mean)
    there = channel < channels
    tl.store(mean_of + channel, mean, mask=there)
    tl.store(variance_of + channel, tl.sum(squares, 0)[None, :] / rows, mask=there)


@triton.jit
def pieces(partial, first, programs, rows, channels, rows_each, stride, channel, P: tl.constexpr):
    """How many rows P programs had, and what each left."""
    program = first + tl.arange(0, P)[:, None]
    n = tl.minimum(tl.maximum(rows - program * rows_each, 0), rows_each).to(tl.float64)
    mine = partial + program.to(tl.int64) * channels + channel
    there = (program < programs) & (channel < channels)
    pivot = tl.load(mine, mask=there, other=0.0).to(tl.float64)
    deviation = tl.load(mine + stride, mask=there, other=0.0).to(tl.float64)
    square = tl.load(mine + 2 * stride, mask=there, other=0.0).to(tl.float64)
    return tl.where(there, n, 0.0), pivot, deviation, square


@triton.jit
def norm_backward_kernel(
    grad, y, mean, coefficients, out, row_units, inner_units, channels,
    UNIT: tl.constexpr, R: tl.constexpr, C: tl.constexpr, ALONE: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Fill out with a grad + b (y - mean) + d of each channel."""
    channel, at, inside = places(tl.program_id(0) * R, row_units, inner_units, channels, UNIT, R, C, ALONE, WIDE)
    a = of_channels(coefficients, channel, channels)
    b = of_channels(coefficients + channels, channel, channels)
    d = of_channels(coefficients + 2 * channels, channel, channels)
    deviation = tl.load(y + at, mask=inside, other=0.0).to(tl.float32) - of_channels(mean, channel, channels)
    arriving = tl.load(grad + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + at, (a * arriving + b * deviation + d).to(out.dtype.element_ty), mask=inside)
