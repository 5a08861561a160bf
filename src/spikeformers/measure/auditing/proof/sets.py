"""Sets of numbers that a tensor's elements are known to lie in: whole numbers of an interval, times a constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import torch

from spikeformers.layers.values import BINARY, TERNARY, Values, integers

# What is left of a constant factor when floats have multiplied and divided it.
_SAME = 1e-9

WHOLE_DTYPES = frozenset({torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64})


@dataclass(frozen=True)
class NumberSet:
    """{n x scale: n whole, lowest <= n <= highest}; bounds may be infinite, the scale is positive.

    Finer than `Values` where it matters: 1 - s of a spike s is a spike again.
    """

    lowest: float
    highest: float
    scale: float = 1.0

    @classmethod
    def of(cls, values: Values) -> NumberSet | None:
        """The set behind a declaration; None of real values."""
        if values.kind == "real":
            return None
        highest = math.inf if values.highest is None else values.highest
        return cls(-highest if values.signed else 0, highest, values.scale)

    @classmethod
    def constant(cls, number: float) -> NumberSet | None:
        """The set of one number; None of what is no finite number."""
        if not math.isfinite(number):
            return None
        if number == int(number):
            return cls(int(number), int(number))
        sign = int(math.copysign(1, number))
        return cls(sign, sign, abs(float(number)))

    @property
    def values(self) -> Values:
        """The same as a declaration: the smallest of binary, ternary and integers that holds it."""
        highest = self.reach
        if highest <= 1:
            return (TERNARY if self.lowest < 0 else BINARY).scaled(self.scale)
        return integers(None if math.isinf(highest) else int(highest), signed=self.lowest < 0, scale=self.scale)

    @property
    def reach(self) -> float:
        """Its largest absolute whole number."""
        return max(-self.lowest, self.highest)

    def fits(self, dtype: torch.dtype) -> bool:
        """Whether a dtype can hold every one of its numbers, if only rounded to a multiple of a larger one."""
        if dtype.is_floating_point:
            reach = self.reach * self.scale
            return math.isinf(reach) or reach <= torch.finfo(dtype).max
        if dtype not in WHOLE_DTYPES:
            return False
        bounds = torch.iinfo(dtype)
        return self.scale == 1 and bounds.min <= self.lowest and self.highest <= bounds.max

    def rounded(self, dtype: torch.dtype) -> NumberSet:
        """What a floating dtype makes of them, where a sum of many of them is rounded at every addition."""
        if not dtype.is_floating_point or self.reach <= 2 / torch.finfo(dtype).eps:
            return self
        # Beyond that not every whole number exists. An addition is then at most as far off as what it adds is large.
        reach = 2 * self.reach
        return NumberSet(-reach if self.lowest < 0 else 0, reach if self.highest > 0 else 0, self.scale)

    def joined(self, other: NumberSet) -> NumberSet | None:
        """Both together; None where their constants do not go together."""
        pair = _over_one_scale(self, other)
        if pair is None:
            return None
        one, two = pair
        return NumberSet(min(one.lowest, two.lowest), max(one.highest, two.highest), one.scale)

    def plus(self, other: NumberSet) -> NumberSet | None:
        """Sums of a number of each; None where their constants do not go together."""
        pair = _over_one_scale(self, other)
        if pair is None:
            return None
        one, two = pair
        return NumberSet(one.lowest + two.lowest, one.highest + two.highest, one.scale)

    def times(self, other: NumberSet) -> NumberSet:
        """Products of a number of each."""
        ends = [_times(a, b) for a, b in product((self.lowest, self.highest), (other.lowest, other.highest))]
        return NumberSet(min(ends), max(ends), self.scale * other.scale)

    def scaled(self, factor: float) -> NumberSet | None:
        """Its numbers times a constant."""
        if not math.isfinite(factor):
            return None
        if factor == 0:
            return ZERO
        if factor < 0:
            return NumberSet(-self.highest, -self.lowest, self.scale * -factor)
        return NumberSet(self.lowest, self.highest, self.scale * factor)

    def repeated(self, terms: int) -> NumberSet:
        """Sums of this many of its numbers."""
        return NumberSet(_times(self.lowest, terms), _times(self.highest, terms), self.scale)

    def clamped(self, lowest: float | None, highest: float | None) -> NumberSet | None:
        """Its numbers, none below or above these; None where a bound is not of its scale."""
        low, high = (None if bound is None else _whole(bound / self.scale) for bound in (lowest, highest))
        if (lowest is not None and low is None) or (highest is not None and high is None):
            return None
        return NumberSet(_between(self.lowest, low, high), _between(self.highest, low, high), self.scale)


ZERO = NumberSet(0, 0)
ONE = NumberSet(1, 1)
BIT = NumberSet(0, 1)
SIGN = NumberSet(-1, 1)
WHOLE = NumberSet(-math.inf, math.inf)


def _over_one_scale(one: NumberSet, other: NumberSet) -> tuple[NumberSet, NumberSet] | None:
    """Both over the smaller of their constants; None where the larger is no multiple of it."""
    if ZERO in (NumberSet(one.lowest, one.highest), NumberSet(other.lowest, other.highest)):
        scale = other.scale if one.lowest == one.highest == 0 else one.scale
        return NumberSet(one.lowest, one.highest, scale), NumberSet(other.lowest, other.highest, scale)
    scale = min(one.scale, other.scale)
    ratios = [_whole(each.scale / scale) for each in (one, other)]
    if None in ratios:
        return None
    first, second = (
        NumberSet(_times(each.lowest, ratio or 1), _times(each.highest, ratio or 1), scale)
        for each, ratio in zip((one, other), ratios, strict=True)
    )
    return first, second


def _whole(number: float) -> float | None:
    """The whole number that this is up to rounding; itself where infinite, None of others."""
    if math.isinf(number):
        return number
    return round(number) if abs(number - round(number)) <= _SAME * max(1.0, abs(number)) else None


def _times(a: float, b: float) -> float:
    return 0 if 0 in (a, b) else a * b  # no terms, or all zero, are zero however many there might be


def _between(number: float, low: float | None, high: float | None) -> float:
    # As torch.clamp: where the bounds are crossed, the upper one wins.
    number = number if low is None else max(number, low)
    return number if high is None else min(number, high)
