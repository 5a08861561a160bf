"""Exponents: how cost grows, cost ~ variable^exponent, by least squares between logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence


def exponent(values: Sequence[float], costs: Sequence[float]) -> dict[str, float]:
    """Slope of log cost over log value, and the share of variance it explains (R^2).

    Raises:
        ValueError: there are fewer than two different values.
    """
    xs, ys = [math.log(value) for value in values], [math.log(cost) for cost in costs]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    variance = sum((each - x) ** 2 for each in xs)
    if variance == 0:
        raise ValueError(f"an exponent needs two different values, got {list(values)}.")
    slope = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / variance
    total = sum((b - y) ** 2 for b in ys)
    rest = sum((b - y - slope * (a - x)) ** 2 for a, b in zip(xs, ys, strict=True))
    return {"exponent": slope, "r_squared": 1 - rest / total if total else 1.0}
