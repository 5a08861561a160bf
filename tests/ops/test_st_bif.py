"""ST-BIF+: golden vectors, the tracer's bounds, and the clipped quantised ReLU it must end at."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.errors import ConfigError, InputError
from spikeformers.ops.st_bif import st_bif


@pytest.mark.parametrize(
    ("x", "spikes", "represented"),
    [
        ([0.7, 0, 0, 0, 0], [1, 1, 1, 0, 0], 0.75),
        ([0.7, -0.3, 0, 0], [1, 1, 0, 0], 0.5),
    ],
)
def test_golden_vectors(x: list[float], spikes: list[int], represented: float) -> None:
    out, tracer = st_bif(torch.tensor(x), v_threshold=0.25, highest=8)
    assert out.tolist() == spikes
    assert tracer.item() * 0.25 == represented


def test_a_spike_too_many_is_taken_back() -> None:
    out, tracer = st_bif(torch.tensor([0.5, 0.0, -0.5, 0.0, 0.0]), v_threshold=0.25, highest=8)
    assert out.tolist() == [1, 1, -1, -1, 0]
    assert tracer.item() == 0


# Sixteenths over a threshold of a quarter: every sum is exact, so the bounds can be asserted without tolerance.
sixteenths = st.lists(st.integers(-40, 40).map(lambda n: n / 16), min_size=1, max_size=6)


@given(x=sixteenths, highest=st.integers(1, 8), lowest=st.integers(-4, 0))
def test_the_tracer_counts_the_spikes_and_keeps_its_bounds(x: list[float], highest: int, lowest: int) -> None:
    spikes, tracer = st_bif(torch.tensor(x, dtype=torch.float64), v_threshold=0.25, highest=highest, lowest=lowest)
    assert set(spikes.unique().tolist()) <= {-1, 0, 1}
    running = spikes.cumsum(0)
    assert lowest <= running.min().item()
    assert running.max().item() <= highest
    assert running[-1] == tracer


@given(x=sixteenths, highest=st.integers(1, 8), lowest=st.integers(-4, 0))
def test_it_settles_at_the_clipped_quantised_input(x: list[float], highest: int, lowest: int) -> None:
    """Nothing is lost on the way: after enough silent steps the tracer is the rounded and clipped sum of the input."""
    drive = torch.cat([torch.tensor(x, dtype=torch.float64), torch.zeros(80, dtype=torch.float64)])
    _, tracer = st_bif(drive, v_threshold=0.25, highest=highest, lowest=lowest)
    assert tracer.item() == min(max(math.floor(sum(x) / 0.25 + 0.5), lowest), highest)


def test_elements_do_not_see_each_other() -> None:
    x = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(0))
    spikes, tracer = st_bif(x, v_threshold=0.3, highest=4, lowest=-4)
    alone, alone_tracer = st_bif(x[:, 1:2, 2:3], v_threshold=0.3, highest=4, lowest=-4)
    assert torch.equal(spikes[:, 1:2, 2:3], alone)
    assert torch.equal(tracer[1:2, 2:3], alone_tracer)


def test_currents_and_bounds_that_cannot_be() -> None:
    with pytest.raises(InputError, match="T >= 1"):
        st_bif(torch.zeros(0, 3), v_threshold=1.0, highest=2)
    with pytest.raises(ConfigError, match="v_threshold must be positive"):
        st_bif(torch.zeros(2, 3), v_threshold=0.0, highest=2)
    with pytest.raises(ConfigError, match="lowest at most highest"):
        st_bif(torch.zeros(2, 3), v_threshold=1.0, highest=1, lowest=2)
