"""Time steps as users write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.cli.time_steps import parse_time_steps
from spikeformers.errors import InputError


@given(first=st.integers(1, 60), more=st.integers(0, 40))
def test_a_range_holds_both_ends(first: int, more: int) -> None:
    assert parse_time_steps(f"{first}..{first + more}") == tuple(range(first, first + more + 1))


@given(st.lists(st.integers(1, 1000), min_size=1))
def test_a_list_keeps_its_order_and_each_number_once(numbers: list[int]) -> None:
    assert parse_time_steps(", ".join(map(str, numbers))) == tuple(dict.fromkeys(numbers))


@pytest.mark.parametrize("text", ["", "four", "0", "8..1", "1..", "1-8", "1..2000", "-1", "1,,2", "٤"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--time-steps"):
        parse_time_steps(text)


@given(st.text(max_size=12))
def test_no_text_gives_another_error(text: str) -> None:
    try:
        numbers = parse_time_steps(text)
    except InputError:
        return
    assert all(1 <= number <= 1000 for number in numbers)
