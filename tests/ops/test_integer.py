"""Integers as spikes: golden vectors of SFA and GIF, and what holds for every integer."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.ops.integer import graded_fire, to_sub_steps


def test_sfa_golden_vector() -> None:
    """x = 2.6 fires 3 of 4 levels, which is 1, 1, 1, 0 on four binary sub-steps."""
    assert to_sub_steps(torch.tensor(3.0), 4).tolist() == [1, 1, 1, 0]


@given(counts=st.lists(st.integers(0, 6), min_size=1, max_size=8), dtype=st.sampled_from([torch.float32, torch.int64]))
def test_sub_steps_are_binary_and_sum_to_the_integer(counts: list[int], dtype: torch.dtype) -> None:
    given_counts = torch.tensor(counts, dtype=dtype).reshape(-1, 1)
    spikes = to_sub_steps(given_counts, 6)
    assert spikes.shape == (6, *given_counts.shape)
    assert spikes.dtype == dtype
    assert set(spikes.unique().tolist()) <= {0, 1}
    assert torch.equal(spikes.sum(0), given_counts)
    # Spikes come first, silence after: whoever stops early has seen the largest part.
    assert (spikes.diff(dim=0) <= 0).all()


def test_a_product_with_integers_is_a_sum_over_sub_steps() -> None:
    """What the unrolling is for: a layer sees integers in training and accumulates binary spikes at inference."""
    counts = torch.tensor([3.0, 0.0, 4.0, 1.0])
    weight = torch.tensor([[1.0, -2.0, 0.5, 4.0], [0.25, 1.0, -1.0, 8.0]])
    assert torch.equal((to_sub_steps(counts, 4) @ weight.T).sum(0), weight @ counts)


def test_gif_golden_vector() -> None:
    assert graded_fire(torch.tensor(22.0), levels=16, steps=2).tolist() == [15, 7]


@given(counts=st.lists(st.integers(0, 100), min_size=1, max_size=5), levels=st.integers(2, 16), steps=st.integers(1, 5))
def test_graded_spikes_empty_the_potential_as_far_as_they_reach(counts: list[int], levels: int, steps: int) -> None:
    membrane = torch.tensor(counts, dtype=torch.float64)
    spikes = graded_fire(membrane, levels, steps)
    assert spikes.shape == (steps, len(counts))
    assert spikes.max().item() <= levels - 1
    assert torch.equal(spikes.sum(0), membrane.clamp(max=steps * (levels - 1)))


@pytest.mark.parametrize("shape", [(), (2, 3, 4)])
def test_any_shape_goes(shape: tuple[int, ...]) -> None:
    assert to_sub_steps(torch.ones(shape), 3).shape == (3, *shape)
    assert graded_fire(torch.ones(shape), 4, 2).shape == (2, *shape)
