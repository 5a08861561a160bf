"""Sets of numbers against what arithmetic does to their members."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from spikeformers.layers import BINARY, REAL, TERNARY, Values, integers
from spikeformers.measure.auditing.proof.sets import NumberSet

SCALES = (1.0, 0.25, 1 / 3, 1.5)


@st.composite
def sets(draw: st.DrawFn) -> NumberSet:
    low, high = sorted((draw(st.integers(-5, 5)), draw(st.integers(-5, 5))))
    return NumberSet(low, high, draw(st.sampled_from(SCALES)))


def members(numbers: NumberSet) -> list[float]:
    return [n * numbers.scale for n in range(int(numbers.lowest), int(numbers.highest) + 1)]


def contains(numbers: NumberSet, value: float) -> bool:
    n = value / numbers.scale
    return abs(n - round(n)) < 1e-6 and numbers.lowest - 1e-6 <= n <= numbers.highest + 1e-6


@given(sets(), sets())
def test_sums_and_joins(one: NumberSet, two: NumberSet) -> None:
    total, joined = one.plus(two), one.joined(two)
    assert (total is None) == (joined is None)
    if one.scale == two.scale:
        assert total is not None
    if total is not None and joined is not None:
        assert all(contains(total, a + b) for a in members(one) for b in members(two))
        assert all(contains(joined, each) for each in (*members(one), *members(two)))


def test_constants_that_do_not_go_together() -> None:
    assert NumberSet(0, 1, 1.0).plus(NumberSet(0, 1, 0.3)) is None
    assert NumberSet(0, 1, 1.0).plus(NumberSet(0, 1, 0.25)) == NumberSet(0, 5, 0.25)
    assert NumberSet(0, 0).plus(NumberSet(0, 1, 0.3)) == NumberSet(0, 1, 0.3)


@given(sets(), sets())
def test_products(one: NumberSet, two: NumberSet) -> None:
    product = one.times(two)
    assert all(contains(product, a * b) for a in members(one) for b in members(two))


@given(sets(), st.sampled_from([0.0, 1.0, -1.0, 0.5, -3.0]), st.integers(0, 4))
def test_scaling_and_repeating(one: NumberSet, factor: float, terms: int) -> None:
    scaled = one.scaled(factor)
    assert scaled is not None
    assert all(contains(scaled, a * factor) for a in members(one))
    for a in members(one):
        assert contains(one.repeated(terms), a * terms)


@given(sets(), st.integers(-4, 4), st.integers(-4, 4))
def test_clamping(one: NumberSet, low: int, high: int) -> None:
    bounds = low * one.scale, high * one.scale
    clamped = one.clamped(*bounds)
    assert clamped is not None
    for a in members(one):
        assert contains(clamped, float(torch.tensor(a, dtype=torch.float64).clamp(*bounds)))


@given(sets(), st.floats(0.01, 0.2))
def test_a_bound_between_two_numbers_is_not_one_of_them(one: NumberSet, bound: float) -> None:
    assume(abs(bound / one.scale - round(bound / one.scale)) > 1e-6)
    assert one.clamped(bound, None) is None


@given(sets())
def test_the_declaration_holds_the_members(one: NumberSet) -> None:
    assert one.values.hold(torch.tensor(members(one), dtype=torch.float64))
    back = NumberSet.of(one.values)
    assert back is not None
    assert all(contains(back, each) for each in members(one))


@pytest.mark.parametrize(
    ("numbers", "values"),
    [
        (NumberSet(0, 1), BINARY),
        (NumberSet(0, 0), BINARY),
        (NumberSet(-1, 0), TERNARY),
        (NumberSet(0, 1, 0.5), BINARY.scaled(0.5)),
        (NumberSet(0, 7), integers(7)),
        (NumberSet(-7, 2), integers(7, signed=True)),
        (NumberSet(0, math.inf), integers(None)),
    ],
)
def test_the_smallest_declaration(numbers: NumberSet, values: Values) -> None:
    assert numbers.values == values


def test_real_numbers_are_no_set() -> None:
    assert NumberSet.of(REAL) is None
    assert NumberSet.constant(math.nan) is None
    assert NumberSet.constant(math.inf) is None
    assert NumberSet(0, 1).scaled(math.inf) is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [(3, NumberSet(3, 3)), (-2.0, NumberSet(-2, -2)), (0.25, NumberSet(1, 1, 0.25)), (-0.5, NumberSet(-1, -1, 0.5))],
)
def test_constants(number: float, expected: NumberSet) -> None:
    assert NumberSet.constant(number) == expected


@pytest.mark.parametrize(
    ("numbers", "dtype", "fits"),
    [
        (NumberSet(0, 255), torch.uint8, True),
        (NumberSet(0, 256), torch.uint8, False),
        (NumberSet(-1, 0), torch.uint8, False),
        (NumberSet(0, 1, 0.5), torch.int32, False),
        (NumberSet(0, 65504), torch.float16, True),
        (NumberSet(0, 65504, 2.0), torch.float16, False),
        (NumberSet(0, 1), torch.complex64, False),
        (NumberSet(0, math.inf), torch.float32, True),
    ],
)
def test_what_a_dtype_can_hold(numbers: NumberSet, dtype: torch.dtype, fits: bool) -> None:
    assert numbers.fits(dtype) == fits
