"""What PyTorch's basic operations do to sets of numbers.

A rule must hold for every input of the same size, not for the one that happens to be run. What has no rule here gives
real numbers, as far as is known; views need none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real

import torch

from spikeformers.measure.auditing.proof.call import Call
from spikeformers.measure.auditing.proof.sets import BIT, ONE, SIGN, WHOLE, WHOLE_DTYPES, ZERO, NumberSet

Rule = Callable[[Call], NumberSet | None]

RULES: dict[str, Rule] = {}

# What takes a number off a tensor, or a shape that depends on its elements: the rest of the pass may depend on it. So
# does whatever returns a number that is no tensor.
READS = frozenset(
    {
        "_local_scalar_dense.default",
        "_pack_padded_sequence.default",
        "nonzero.default",
        "masked_select.default",
        "_unique2.default",
        "unique_dim.default",
        "unique_consecutive.default",
        "repeat_interleave.Tensor",
        "bincount.default",
    }
)


def result(call: Call) -> NumberSet | None:
    """The set that the result of a call lies in, whatever its operands hold; None where it may be real."""
    dtype = call.output.dtype
    if dtype == torch.bool:
        return BIT
    found = RULES[call.name](call) if call.name in RULES else None
    held = None if found is None else found.rounded(dtype)
    fitting = held if held is not None and held.fits(dtype) else None
    return WHOLE if fitting is None and dtype in WHOLE_DTYPES else fitting


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Make a function the rule of these operations."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


@rule(
    "clone.default",
    "_to_copy.default",
    "index_select.default",
    "index.Tensor",
    "_unsafe_index.Tensor",
    "gather.default",
    "take.default",
    "flip.default",
    "roll.default",
    "repeat.default",
    "max.default",
    "max.dim",
    "min.default",
    "min.dim",
    "amax.default",
    "amin.default",
    "sort.default",
    "sort.stable",
    "topk.default",
    "adaptive_max_pool2d.default",
    "adaptive_max_pool3d.default",
    "upsample_nearest1d.default",
    "upsample_nearest2d.default",
    "upsample_nearest3d.default",
    "reflection_pad1d.default",
    "reflection_pad2d.default",
    "reflection_pad3d.default",
    "replication_pad1d.default",
    "replication_pad2d.default",
    "replication_pad3d.default",
    "pixel_shuffle.default",
    "pixel_unshuffle.default",
    "channel_shuffle.default",
)
def _picked(call: Call) -> NumberSet | None:
    """Each element is one of the first operand's."""
    (first, *_) = call.arguments.values()
    return call.known(first)


@rule("max_pool2d_with_indices.default", "max_pool3d_with_indices.default")
def _largest(call: Call) -> NumberSet | None:
    """A border of -inf never wins, unless all taps of a dilated window lie on it."""
    over_edge = any(call["padding"]) and any(gap > 1 for gap in call["dilation"])
    return None if over_edge else call.numbers("self")


@rule("tril.default", "triu.default", "im2col.default")
def _picked_or_zero(call: Call) -> NumberSet | None:
    (first, *_) = call.arguments.values()
    return call.joined([first, 0])


@rule("zeros.default", "zeros_like.default", "new_zeros.default", "zero.default")
def _zero(call: Call) -> NumberSet | None:
    return ZERO


@rule("ones.default", "ones_like.default", "new_ones.default")
def _one(call: Call) -> NumberSet | None:
    return ONE


@rule("full.default", "full_like.default", "new_full.default")
def _filled(call: Call) -> NumberSet | None:
    return call.numbers("fill_value")


@rule("fill.Scalar", "fill.Tensor")
def _overwritten(call: Call) -> NumberSet | None:
    return call.numbers("value")


@rule("scalar_tensor.default")
def _scalar(call: Call) -> NumberSet | None:
    return call.numbers("s")


@rule("copy.default")
def _copied(call: Call) -> NumberSet | None:
    return call.numbers("src")


@rule("bernoulli.default", "bernoulli.p", "bernoulli.float")
def _drawn(call: Call) -> NumberSet | None:
    return BIT


@rule(*(f"{word}.{form}" for word in ("eq", "ne", "lt", "le", "gt", "ge") for form in ("Scalar", "Tensor")))
def _compared(call: Call) -> NumberSet | None:
    """Written over floats; as a result of its own it is of truth values anyway."""
    return BIT


@rule("sign.default", "sgn.default")
def _sign(call: Call) -> NumberSet | None:
    return SIGN


@rule("cat.default", "stack.default")
def _gathered(call: Call) -> NumberSet | None:
    return call.joined(call["tensors"])


@rule("where.self", "maximum.default", "minimum.default")
def _one_or_the_other(call: Call) -> NumberSet | None:
    return call.joined([call["self"], call["other"]])


@rule("constant_pad_nd.default", "masked_fill.Scalar", "masked_fill.Tensor", "index_fill.int_Scalar")
def _with_a_value(call: Call) -> NumberSet | None:
    return call.joined([call["self"], call["value"]])


@rule("slice_scatter.default", "select_scatter.default", "masked_scatter.default", "scatter.src")
def _with_a_part(call: Call) -> NumberSet | None:
    return call.joined([call["self"], call["source" if "source" in call.arguments else "src"]])


@rule("add.Tensor", "add.Scalar")
def _added(call: Call) -> NumberSet | None:
    return _sum(call.numbers("self"), call.numbers("other"), call["alpha"])


@rule("sub.Tensor", "sub.Scalar")
def _subtracted(call: Call) -> NumberSet | None:
    return _sum(call.numbers("self"), call.numbers("other"), -call["alpha"])


@rule("rsub.Tensor", "rsub.Scalar")
def _subtracted_from(call: Call) -> NumberSet | None:
    return _sum(call.numbers("other"), call.numbers("self"), -call["alpha"])


def _sum(one: NumberSet | None, other: NumberSet | None, alpha: float) -> NumberSet | None:
    changed = None if other is None else other.scaled(alpha)
    return None if one is None or changed is None else one.plus(changed)


@rule("mul.Tensor", "mul.Scalar")
def _multiplied(call: Call) -> NumberSet | None:
    return _product(call.numbers("self"), call.numbers("other"), 1)


@rule("div.Tensor", "div.Scalar")
def _divided(call: Call) -> NumberSet | None:
    numbers, divisor = call.numbers("self"), call["other"]
    if numbers is None or not isinstance(divisor, Real) or divisor == 0:
        return None
    return numbers.scaled(1 / float(divisor))


@rule("mm.default", "bmm.default")
def _matrix_product(call: Call) -> NumberSet | None:
    other = call["mat2"]
    return _product(call.numbers("self"), call.known(other), other.shape[-2])


@rule("mv.default")
def _matrix_vector(call: Call) -> NumberSet | None:
    return _product(call.numbers("self"), call.numbers("vec"), call["vec"].numel())


@rule("dot.default")
def _inner_product(call: Call) -> NumberSet | None:
    return _product(call.numbers("self"), call.numbers("tensor"), call["self"].numel())


def _product(one: NumberSet | None, other: NumberSet | None, terms: int) -> NumberSet | None:
    return None if one is None or other is None else one.times(other).repeated(terms)


@rule("neg.default")
def _negated(call: Call) -> NumberSet | None:
    numbers = call.numbers("self")
    return None if numbers is None else numbers.scaled(-1)


@rule("abs.default")
def _absolute(call: Call) -> NumberSet | None:
    numbers = call.numbers("self")
    return None if numbers is None else NumberSet(0, max(-numbers.lowest, numbers.highest), numbers.scale)


@rule("relu.default")
def _rectified(call: Call) -> NumberSet | None:
    numbers = call.numbers("self")
    return None if numbers is None else numbers.clamped(0, None)


@rule("clamp.default", "clamp_min.default", "clamp_max.default")
def _clamped(call: Call) -> NumberSet | None:
    numbers = call.numbers("self")
    bounds = call.arguments.get("min"), call.arguments.get("max")
    return None if numbers is None else numbers.clamped(*bounds)


@rule("round.default", "floor.default", "ceil.default", "trunc.default")
def _rounded(call: Call) -> NumberSet | None:
    numbers = call.numbers("self")
    return numbers if numbers is not None and numbers.scale == 1 else WHOLE


@rule("sum.default", "sum.dim_IntList")
def _summed(call: Call) -> NumberSet | None:
    numbers = call.numbers("self")
    return None if numbers is None else numbers.repeated(_terms(call))


@rule("mean.default", "mean.dim")
def _mean(call: Call) -> NumberSet | None:
    return _averaged(call.numbers("self"), _terms(call))


def _terms(call: Call) -> int:
    """Elements of the operand for each element of the result."""
    size: int = call["self"].numel()
    return size // max(1, call.output.numel())


@rule("cumsum.default")
def _summed_up(call: Call) -> NumberSet | None:
    numbers, terms = call.numbers("self"), call["self"].shape[call["dim"]] if call["self"].dim() else 1
    return None if numbers is None else numbers.repeated(terms).joined(numbers)


@rule("avg_pool2d.default", "avg_pool3d.default")
def _pooled(call: Call) -> NumberSet | None:
    axes = 2 if call.name.startswith("avg_pool2d") else 3
    windows = list(call["kernel_size"])
    terms = math.prod(windows * axes if len(windows) == 1 else windows)
    # A window over the edge may have fewer terms, and be divided by their number.
    if call["divisor_override"] is not None or call["ceil_mode"]:
        return None
    if any(call["padding"]) and not call["count_include_pad"]:
        return None
    return _averaged(call.joined([call["self"], 0]), terms)


def _averaged(numbers: NumberSet | None, terms: int) -> NumberSet | None:
    return None if numbers is None or terms == 0 else numbers.repeated(terms).scaled(1 / terms)
