"""Counting one call of one operation on one batch, exactly, from its operands alone: it is not run again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.nn.grad import conv1d_input, conv2d_input, conv3d_input

from spikeformers.layers import OpSpec, Values
from spikeformers.layers.fan_out import reads
from spikeformers.layers.op_spec import ElementSpec
from spikeformers.layers.values import Kind
from spikeformers.measure.counting.counts import Seen

_LARGEST = 2**24  # float32 has no fractions beyond half of it: that all numbers are whole there says nothing
_ADJOINTS: dict[int, Callable[..., Tensor]] = {1: conv1d_input, 2: conv2d_input, 3: conv3d_input}


@dataclass(frozen=True)
class Operand:
    """One operand, looked at.

    Args:
        active: 1 where it is other than zero, 0 elsewhere.
        sizes: its absolute integers, before their scale; None where they are the same as `active`, or real.
        seen: what it held.
        unit: whether every element is -1, 0 or 1 as it stands, scale and all.
    """

    active: Tensor
    sizes: Tensor | None
    seen: Seen
    unit: bool

    @property
    def amounts(self) -> Tensor:
        """The integers, 0 and 1 of spikes."""
        return self.active if self.sizes is None else self.sizes

    @property
    def peak(self) -> int:
        """The largest of the amounts."""
        return 1 if self.sizes is None else self.seen.highest or 1


@dataclass(frozen=True)
class Tally:
    """Numbers of one call; see `Count`."""

    dense: int
    dense_padded: int
    nonzero_by_step: tuple[int, ...]
    events_by_step: tuple[int, ...] | None = None
    shape: tuple[int, int, int, int] | None = None


def look(x: Tensor, declared: Values) -> Operand:
    """What an operand holds, given the scale it is declared to have."""
    elements, scale = x.numel(), declared.scale
    if not elements:
        return Operand(x, None, Seen(kind="binary", highest=0, scale=scale, zeros=0, elements=0, total=0), True)
    whole = _whole(x, scale)
    lowest, highest = (0, 0) if whole is None else (int(bound) for bound in whole.aminmax())
    peak = max(-lowest, highest)
    if whole is None or peak > _LARGEST:
        active = _ones(x)
        zeros = elements - _sum(active)
        seen = Seen(kind="real", highest=None, scale=scale, zeros=zeros, elements=elements, total=None)
        return Operand(active, None, seen, False)
    kind: Kind = "integer" if peak > 1 else "ternary" if lowest < 0 else "binary"
    sizes = whole.abs() if lowest < 0 else whole
    active = sizes if peak <= 1 else sizes.clamp(max=1)
    total = _sum(sizes, peak)
    zeros = elements - (total if peak <= 1 else _sum(active))
    unit = peak <= 1 if scale == 1 else peak == 0 or (math.isclose(peak * scale, 1, rel_tol=1e-3) and _is_unit(x))
    seen = Seen(kind=kind, highest=peak, scale=scale, zeros=zeros, elements=elements, total=total)
    return Operand(active, None if peak <= 1 else sizes, seen, unit)


def _whole(x: Tensor, scale: float) -> Tensor | None:
    """What an operand is before its scale, where that is whole numbers; else None."""
    # A few elements tell most real tensors.
    if x.dim() > 2 and len(x) > 1 and _whole(x[0], scale) is None:
        return None
    counts = x if scale == 1 else x / scale
    # What is infinite or not a number has no fraction of zero either.
    if not counts.is_floating_point() or bool(counts.frac().abs_().sum() == 0):
        return counts
    if scale == 1:
        return None
    whole = counts.round()
    # The slack of `Values.hold`, for the same reason.
    slack, apart = math.sqrt(torch.finfo(counts.dtype).eps), counts.sub_(whole).abs_()
    close = bool(apart.max() <= slack) or bool((apart <= slack * whole.abs().clamp_min(1)).all())
    return whole if close else None


def _is_unit(x: Tensor) -> bool:
    """Whether every element is -1, 0 or 1."""
    lowest, highest = x.aminmax()
    return bool(lowest >= -1) and bool(highest <= 1) and bool((~x.bool() | (x.abs() == 1)).all())


def zeros_of(x: Tensor) -> int:
    """How many elements are zero."""
    return x.numel() - _sum(_ones(x))


def _ones(x: Tensor) -> Tensor:
    """1 where an operand is other than zero, 0 elsewhere, in its dtype: floats are summed much faster than bools."""
    return torch.ne(x, 0, out=torch.empty_like(x))


def _sum(amounts: Tensor, peak: int = 1) -> int:
    """Exact sum of whole numbers from 0 to `peak`."""
    return int(_sums(amounts, peak, range(amounts.dim())))


def _sums(amounts: Tensor, peak: int, axes: Sequence[int]) -> Tensor:
    """Exact sums over some axes, int64."""
    terms = prod(amounts.shape[axis] for axis in axes)
    # Sums of whole numbers are exact up to two to the power of a float's digits, whatever their order.
    dtype = torch.float32 if terms * peak <= 2**24 else torch.float64 if terms * peak <= 2**53 else torch.int64
    return (amounts.sum(tuple(axes), dtype=dtype) if axes else amounts).to(torch.int64)


def weights_met(spec: OpSpec, weight: Tensor | None, sizes: tuple[int, ...]) -> Tensor:
    """Non-zero weights that each element of one input meets, int64: [C, *sizes] of a convolution, [C] of a linear.

    Args:
        spec: of a convolution or linear.
        weight: None counts all weights.
        sizes: spatial sizes of a convolution's input.
    """
    assert spec.weight_shape is not None
    out, taps, kernel = spec.weight_shape[0], spec.weight_shape[1], spec.weight_shape[2:]
    channels = taps * spec.groups
    if spec.kind == "linear":
        return torch.full((channels,), out) if weight is None else weight.ne(0).sum(0)
    if weight is None or bool(weight.ne(0).all()):
        each = reads(sizes, kernel, spec.stride, spec.padding, spec.dilation) * (out // spec.groups)
        return each.expand(channels, *sizes)
    # The adjoint of the convolution spreads ones back over what each output has read; float64 holds the sums exactly.
    present = weight.ne(0).view(spec.groups, -1, taps, *kernel).sum(1).double()  # [groups, C / groups, kernel...]
    ones = present.new_ones(1, spec.groups, *_positions(spec, sizes))
    words = (spec.stride, spec.padding, spec.dilation, spec.groups)
    met: Tensor = _ADJOINTS[len(sizes)]((1, channels, *sizes), present, ones, *words)
    return met[0].round().to(torch.int64)


def _positions(spec: OpSpec | ElementSpec, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Spatial sizes of the output."""
    kernel = spec.kernel if isinstance(spec, ElementSpec) else (spec.weight_shape or ())[2:]
    words = zip(sizes, kernel, spec.stride, spec.padding, spec.dilation, strict=True)
    return tuple((size + 2 * pad - gap * (taps - 1) - 1) // step + 1 for size, taps, step, pad, gap in words)


def time_steps(timed: bool, x: Tensor) -> int:
    """T of an operand; 1 where it has no time axis."""
    return x.shape[0] if timed and x.dim() > 2 else 1


def tally_weighted(spec: OpSpec, operand: Operand, met: Tensor, output: Tensor, samples: int) -> Tally:
    """A convolution or linear.

    Args:
        spec, operand: of the call.
        met: see `weights_met`.
        output: its result, of which only the sizes matter.
        samples: in the batch.
    """
    assert spec.weight_shape is not None
    x, (out, taps, *kernel) = operand.active, spec.weight_shape
    steps = time_steps(spec.timed, x)
    padded = prod(kernel) * taps * output.numel()
    if spec.kind == "convolution":
        sizes = tuple(x.shape[-len(kernel) :])
        frames = x.numel() // met.numel()
        each = reads(sizes, tuple(kernel), spec.stride, spec.padding, spec.dilation)
        dense = int(each.sum()) * taps * out * frames
    else:
        dense = padded
    # A plain module may be fed something else than samples.
    positions, rest = divmod(output.numel(), out * samples * steps)
    shape = None if rest or not positions else (positions, taps * prod(kernel), out, spec.groups)

    def met_by(amounts: Tensor, peak: int) -> tuple[int, ...]:
        ordered = amounts if spec.kind == "convolution" else amounts.movedim(spec.axis, -1)
        return _total(_gathered(ordered, met.dim(), spec.timed, peak) * met.to(amounts.device))

    nonzero = met_by(operand.active, 1)
    events = None
    if operand.seen.kind != "real":
        events = nonzero if operand.sizes is None else met_by(operand.sizes, operand.peak)
    return Tally(dense, padded, nonzero, events, shape)


def tally_pairs(spec: OpSpec, left: Operand, right: Operand, output: Tensor, samples: int) -> Tally:
    """A matrix product or a mask."""
    steps = time_steps(spec.timed, output)
    shape: tuple[int, int, int, int] | None = None
    joined, terms = _masked, 1
    if spec.kind == "product":
        rows, terms, columns = left.active.shape[-2], left.active.shape[-1], right.active.shape[-1]
        matrices, rest = divmod(output.numel(), max(rows * columns * samples * steps, 1))
        # A plain module may multiply matrices that hold all samples at once.
        joined, shape = _multiplied, None if rest or not matrices else (rows, terms, matrices * columns, matrices)
    nonzero = joined(left.active, right.active, 1, spec.timed)
    events = None
    if "real" not in (left.seen.kind, right.seen.kind):
        spikes = left.sizes is None and right.sizes is None
        events = nonzero if spikes else joined(left.amounts, right.amounts, left.peak * right.peak, spec.timed)
    dense = output.numel() * terms
    return Tally(dense, dense, nonzero, events, shape)


def _multiplied(left: Tensor, right: Tensor, peak: int, timed: bool) -> tuple[int, ...]:
    """Products of whole numbers [..., I, J] and [..., J, K], summed at each time step: over I and K, then J."""
    sums = left.sum(-2, dtype=torch.float64).to(torch.int64), right.sum(-1, dtype=torch.float64).to(torch.int64)
    return _total(_gathered(sums[0] * sums[1], 0, timed))


def _masked(left: Tensor, right: Tensor, peak: int, timed: bool) -> tuple[int, ...]:
    """Element-wise products of whole numbers, none above `peak`, summed at each time step."""
    dtype = torch.float32 if peak <= 2**24 else torch.float64
    return _total(_gathered(left.to(dtype) * right.to(dtype), 0, timed, peak))


def tally_elements(spec: ElementSpec, operands: Sequence[Tensor], output: Tensor) -> Tally:
    """What lies between operations."""
    x = operands[0]
    if spec.kind == "pool":
        axes = len(spec.kernel)
        sizes = tuple(x.shape[-axes:])
        each = reads(sizes, spec.kernel, spec.stride, spec.padding, spec.dilation).to(x.device)
        nonzero = _total(_gathered(_ones(x), axes, spec.timed, 1) * each)
        dense = int(each.sum()) * (x.numel() // prod(sizes))
        return Tally(dense, prod(spec.kernel) * output.numel(), nonzero)
    active = _ones(x) if spec.kind != "add" else _ones(x).mul_(_ones(operands[1]))
    return Tally(output.numel(), output.numel(), _total(_gathered(active, 0, spec.timed, 1)))


def _gathered(amounts: Tensor, last: int, timed: bool, peak: int | None = None) -> Tensor:
    """Sums over all axes but that of time and the last ones, int64 [T, ...] (T = 1 without time).

    Args:
        peak: the largest of the amounts; None where they are int64.
    """
    first = 1 if time_steps(timed, amounts) > 1 else 0
    axes = tuple(range(first, amounts.dim() - last))
    summed = amounts.sum(axes) if peak is None and axes else _sums(amounts, peak or 1, axes)
    return summed if first else summed.unsqueeze(0)


def _total(by_step: Tensor) -> tuple[int, ...]:
    """[T, ...] summed over everything but time."""
    return tuple(by_step.flatten(1).sum(1).tolist()) if by_step.dim() > 1 else tuple(by_step.tolist())
