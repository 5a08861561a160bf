"""A delay line: later by so many steps, all at once and in a stream."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.errors import ConfigError
from spikeformers.layers import Delay, Memory


@given(st.integers(1, 7), st.integers(1, 5), st.integers(0, 4))
def test_an_impulse_comes_out_so_many_steps_later_and_nowhere_else(T: int, steps: int, at: int) -> None:
    x = torch.zeros(T, 2, 3)
    if at < T:
        x[at] = 1.0
    out = Delay(steps)(x)
    assert out.shape == x.shape
    assert out.flatten(1).any(1).nonzero().flatten().tolist() == ([at + steps] if at + steps < T else [])


@given(st.integers(1, 7), st.integers(1, 9), st.lists(st.integers(1, 3), min_size=1, max_size=7))
def test_a_stream_in_pieces_equals_all_at_once(T: int, steps: int, sizes: list[int]) -> None:
    x = torch.randn(sum(sizes), 2, 3)
    delay, state = Delay(steps), Memory({})
    pieces = []
    for piece in x.split(sizes):
        pieces.append(delay(piece, state))
        assert state.after[delay, "x"].shape == (steps, 2, 3)
        state = Memory(state.after)
    assert torch.equal(torch.cat(pieces), delay(x))


def test_no_step_sees_itself() -> None:
    with pytest.raises(ConfigError, match="at least one time step"):
        Delay(0)
