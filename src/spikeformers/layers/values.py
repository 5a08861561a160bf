"""What numbers a tensor is meant to hold: the declarations that audit and compilation read.

Every weighted operation says which values its input is meant to hold, so that whether a layer needs additions only is
a property of the model, not of one observed batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["binary", "ternary", "integer", "real"]


@dataclass(frozen=True)
class Values:
    """A set of numbers: {0, 1}, {-1, 0, 1}, integers, or anything real, optionally times one constant.

    Args:
        kind: "binary", "ternary", "integer" or "real".
        highest: largest absolute value before scaling; None where it depends on the size of the input.
        signed: whether integers may be negative.
        scale: constant factor (a scaled spike; it folds into the next weights).
    """

    kind: Kind
    highest: int | None = None
    signed: bool = False
    scale: float = 1.0

    def __str__(self) -> str:
        if self.kind != "integer":
            name: str = self.kind
        elif self.highest is None:
            name = "integer"
        else:
            name = f"integer up to {self.highest}"
        return name if self.scale == 1 else f"{name} times {self.scale:g}"

    def __add__(self, other: Values) -> Values:
        """Values of the sum of two tensors."""
        if "real" in (self.kind, other.kind) or self.scale != other.scale:
            return REAL
        known = self.highest is not None and other.highest is not None
        highest = self.highest + other.highest if known else None  # type: ignore[operator]
        return integers(highest, signed=self.signed or other.signed, scale=self.scale)

    def __mul__(self, other: Values) -> Values:
        """Values of a sum of products of two tensors, over a number of terms that depends on the input's size."""
        if "real" in (self.kind, other.kind):
            return REAL
        return integers(None, signed=self.signed or other.signed, scale=self.scale * other.scale)

    def masked(self, mask: Values) -> Values:
        """Values of the element-wise product of two tensors."""
        if "real" in (self.kind, mask.kind):
            return REAL
        known = self.highest is not None and mask.highest is not None
        highest = self.highest * mask.highest if known else None  # type: ignore[operator]
        signed, scale = self.signed or mask.signed, self.scale * mask.scale
        if highest == 1:
            return (TERNARY if signed else BINARY).scaled(scale)
        return integers(highest, signed=signed, scale=scale)

    def scaled(self, factor: float) -> Values:
        """Values after multiplication by a constant."""
        if self.kind == "real" or factor == 1:
            return self
        return Values(self.kind, self.highest, self.signed, self.scale * factor)

    def averaged(self, count: int) -> Values:
        """Values of the mean of `count` elements."""
        if self.kind == "real" or count == 1:
            return self
        highest = None if self.highest is None else self.highest * count
        return integers(highest, signed=self.signed, scale=self.scale / count)

    def hold(self, x: Tensor) -> bool:
        """Whether every element of x is one of these values."""
        if self.kind == "real":
            return bool(x.isfinite().all())
        counts = x / self.scale
        whole = counts.round()
        # A scaled value is rounded, and again in every sum; that is still far from any other number.
        slack = 0.0 if self.scale == 1 else math.sqrt(torch.finfo(counts.dtype).eps)
        if not bool(((counts - whole).abs() <= slack * whole.abs().clamp_min(1)).all()):
            return False
        within = self.highest is None or bool((whole.abs() <= self.highest).all())
        return within and (self.signed or bool((whole >= 0).all()))


def integers(highest: int | None, *, signed: bool = False, scale: float = 1.0) -> Values:
    """Integers from 0 (or -highest when signed) up to `highest`."""
    return Values("integer", highest, signed, scale)


BINARY = Values("binary", 1)
TERNARY = Values("ternary", 1, signed=True)
REAL = Values("real", signed=True)
