"""Histograms of potentials: equal to a walk over the values, with thresholds on edges, and nothing lost."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.errors import InputError
from spikeformers.measure import Histogram
from spikeformers.measure.spikes.histogram import HistogramTally, threshold_edges

thresholds = st.floats(0.01, 100, allow_nan=False)


def tallied(edges: tuple[float, ...], *parts: torch.Tensor) -> Histogram:
    tally = HistogramTally(edges)
    for part in parts:
        tally.add(part)
    return tally.histogram()


@st.composite
def data(draw: st.DrawFn) -> tuple[tuple[float, ...], list[list[float]]]:
    """Edges, and several batches of values that favour the edges themselves."""
    edges = threshold_edges(draw(thresholds), draw(st.integers(1, 6)), draw(st.integers(1, 80)))
    value = st.sampled_from(edges) | st.floats(width=64) | st.floats(-10, 10)
    return edges, draw(st.lists(st.lists(value, max_size=30), min_size=1, max_size=4))


@given(data())
def test_equals_a_walk_over_the_values(drawn: tuple[tuple[float, ...], list[list[float]]]) -> None:
    edges, parts = drawn
    values = [value for part in parts for value in part]
    seen = tallied(edges, *(torch.tensor(part, dtype=torch.float64) for part in parts))
    assert seen.edges == edges
    assert seen.counts == tuple(sum(low <= value < high for value in values) for low, high in pairwise(edges))
    assert seen.below == sum(value < edges[0] for value in values)
    assert seen.above == sum(value >= edges[-1] for value in values)
    assert seen.undefined == sum(map(math.isnan, values))
    assert seen.total == len(values)
    for edge in edges:
        assert seen.reaching(edge) == sum(value >= edge for value in values)


@given(v_threshold=thresholds, highest=st.integers(1, 9), bins=st.integers(1, 300))
def test_every_half_threshold_is_an_edge(v_threshold: float, highest: int, bins: int) -> None:
    edges = threshold_edges(v_threshold, highest, bins)
    assert list(edges) == sorted(set(edges))
    assert (edges[0], edges[-1]) == (-4 * v_threshold, (highest + 3) * v_threshold)
    assert {v_threshold * half / 2 for half in range(-8, 2 * highest + 7)} <= set(edges)
    widths = [high - low for low, high in pairwise(edges)]
    assert max(widths) == pytest.approx(min(widths), rel=1e-9)
    # Two bins a threshold at least; otherwise the nearest even number of them.
    span = highest + 7
    assert len(widths) == 2 * span or abs(len(widths) - bins) <= span


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("v_threshold", [0.1, 0.3, 1.0, 1.1])
def test_what_reaches_the_threshold_is_what_a_neuron_of_that_precision_says(
    dtype: torch.dtype, v_threshold: float
) -> None:
    threshold = torch.tensor(v_threshold, dtype=dtype)
    up = torch.nextafter(threshold, threshold + 1) if dtype.itemsize > 2 else threshold * 1.01
    down = torch.nextafter(threshold, threshold - 1) if dtype.itemsize > 2 else threshold * 0.99
    values = torch.stack([threshold, up, down])
    fired = int((values >= v_threshold).sum())
    assert fired == 2
    assert tallied(threshold_edges(v_threshold, 1, 64), values).reaching(v_threshold) == fired


def test_any_layout_and_shape() -> None:
    x = torch.randn(3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    edges = threshold_edges(1.0, 1, 64)
    assert tallied(edges, x) == tallied(edges, x.permute(2, 0, 3, 1)) == tallied(edges, x[:1], x[1:])
    assert tallied(edges, x).total == x.numel()
    assert tallied(edges) == Histogram(edges=edges, counts=(0,) * 64, below=0, above=0)


def test_only_edges_can_be_asked_for() -> None:
    seen = tallied((0.0, 1.0), torch.tensor([0.5]))
    with pytest.raises(InputError, match=r"0\.5 is no edge"):
        seen.reaching(0.5)
    assert seen.to_dict() == {"edges": (0.0, 1.0), "counts": (1,), "below": 0, "above": 0, "undefined": 0}
