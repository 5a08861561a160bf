"""Declarations of values: what they say, and that sums and products of drawn tensors keep to them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from spikeformers.layers import BINARY, REAL, TERNARY, Values, integers

SIZE = 6
# 1/8 is the papers' attention scale; the others cannot be written in binary and round.
scales = st.sampled_from([1.0, 0.125, 0.1, 1 / 3, 2.0, 0.7])


dtypes = st.sampled_from([torch.float32, torch.float64])


@st.composite
def declared(draw: st.DrawFn) -> Values:
    """Any declaration."""
    kinds = [BINARY, TERNARY, REAL, integers(draw(st.integers(1, 9)), signed=draw(st.booleans()))]
    return draw(st.sampled_from([*kinds, integers(None, signed=draw(st.booleans()))])).scaled(draw(scales))


def draw_from(
    values: Values, seed: int, shape: tuple[int, ...] = (SIZE,), dtype: torch.dtype = torch.float32
) -> Tensor:
    """Random numbers a declaration allows, its largest and smallest among them."""
    generator = torch.Generator().manual_seed(seed)
    if values.kind == "real":
        return torch.randn(shape, generator=generator, dtype=dtype)
    highest = 12 if values.highest is None else values.highest
    lowest = -highest if values.signed else 0
    counts = torch.randint(lowest, highest + 1, shape, generator=generator)
    counts.view(-1)[0], counts.view(-1)[1] = highest, lowest
    return counts.to(dtype) * values.scale


@given(declared(), st.integers(0, 10**6), dtypes)
def test_a_declaration_holds_what_it_allows(values: Values, seed: int, dtype: torch.dtype) -> None:
    assert values.hold(draw_from(values, seed, dtype=dtype))
    assert values.hold(torch.empty(0, dtype=dtype))


@given(declared(), declared(), st.integers(0, 10**6), dtypes)
def test_sums_hold(a: Values, b: Values, seed: int, dtype: torch.dtype) -> None:
    assert (a + b).hold(draw_from(a, seed, dtype=dtype) + draw_from(b, seed + 1, dtype=dtype))
    assert a + b == b + a


@given(declared(), declared(), st.integers(0, 10**6))
def test_matrix_products_hold(a: Values, b: Values, seed: int) -> None:
    assert (a * b).hold(draw_from(a, seed, (3, SIZE)) @ draw_from(b, seed + 1, (SIZE, 4)))
    assert a * b == b * a


@given(declared(), declared(), st.integers(0, 10**6))
def test_masked_values_hold(a: Values, b: Values, seed: int) -> None:
    assert a.masked(b).hold(draw_from(a, seed) * draw_from(b, seed + 1))
    assert a.masked(b) == b.masked(a)


@given(declared(), scales, st.integers(0, 10**6))
def test_scaled_values_hold(values: Values, factor: float, seed: int) -> None:
    assert values.scaled(factor).hold(draw_from(values, seed) * factor)


@given(st.integers(1, 20))
def test_a_residual_stream_of_spikes_grows_by_one_each_time(joins: int) -> None:
    stream = BINARY
    for _ in range(joins):
        stream = stream + BINARY
    assert stream == integers(joins + 1)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (BINARY, BINARY, integers(2)),
        (BINARY, TERNARY, integers(2, signed=True)),
        (integers(4), BINARY, integers(5)),
        (integers(None), BINARY, integers(None)),
        (BINARY, REAL, REAL),
        (BINARY.scaled(0.5), BINARY.scaled(0.5), integers(2, scale=0.5)),
        # Halves and ones are neither halves only nor ones only; nothing less than real is promised.
        (BINARY.scaled(0.5), BINARY, REAL),
    ],
)
def test_sums(a: Values, b: Values, expected: Values) -> None:
    assert a + b == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (BINARY, BINARY, integers(None)),
        (TERNARY, BINARY, integers(None, signed=True)),
        (BINARY.scaled(0.5), BINARY.scaled(0.25), integers(None, scale=0.125)),
        (REAL, BINARY, REAL),
    ],
)
def test_products(a: Values, b: Values, expected: Values) -> None:
    assert a * b == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (BINARY, BINARY, BINARY),
        (BINARY, TERNARY, TERNARY),
        (integers(4), BINARY, integers(4)),
        (integers(4), integers(3), integers(12)),
        (integers(4), TERNARY, integers(4, signed=True)),
        (integers(None), integers(3), integers(None)),
        (BINARY.scaled(0.5), BINARY.scaled(0.25), BINARY.scaled(0.125)),
        (REAL, BINARY, REAL),
    ],
)
def test_masks(a: Values, b: Values, expected: Values) -> None:
    assert a.masked(b) == expected


@pytest.mark.parametrize(
    ("values", "number", "held"),
    [
        (BINARY, 1.0, True),
        (BINARY, -0.0, True),
        (BINARY, 2.0, False),
        (BINARY, -1.0, False),
        (BINARY, 0.5, False),
        (BINARY, 1 + 2**-23, False),
        (TERNARY, -1.0, True),
        (TERNARY, 2.0, False),
        (integers(3), 3.0, True),
        (integers(3), 4.0, False),
        (integers(3), -1.0, False),
        (integers(3, signed=True), -3.0, True),
        (integers(None), 1e6, True),
        (integers(None), 1e6 + 0.5, False),
        (BINARY.scaled(0.25), 0.25, True),
        (BINARY.scaled(0.25), 1.0, False),
        (integers(3).scaled(0.1), 0.3, True),
        (integers(3).scaled(0.1), 0.31, False),
        (REAL, -1e30, True),
    ],
)
def test_single_numbers(values: Values, number: float, held: bool) -> None:
    assert values.hold(torch.tensor([0.0, number])) is held


@pytest.mark.parametrize("values", [BINARY, TERNARY, REAL, integers(None), integers(3).scaled(0.1)], ids=str)
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_nothing_holds_what_is_no_number(values: Values, number: float) -> None:
    assert not values.hold(torch.tensor([0.0, number]))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (BINARY, "binary"),
        (TERNARY, "ternary"),
        (REAL, "real"),
        (integers(4), "integer up to 4"),
        (integers(None), "integer"),
        (integers(4).scaled(0.25), "integer up to 4 times 0.25"),
        (REAL.scaled(0.25), "real"),
    ],
)
def test_the_words_people_read(values: Values, text: str) -> None:
    assert str(values) == text
