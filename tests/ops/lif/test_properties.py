"""What holds for every neuron, whatever its words."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.ops import Dynamics, lif
from spikeformers.ops.integer import to_sub_steps
from tests.ops.drawing import Run, currents, dynamics, runs


@given(run=runs(smooth=False, min_steps=2), cut=st.integers(1, 4))
def test_two_runs_with_the_state_carried_are_one(run: Run, cut: int) -> None:
    cut = min(cut, len(run.x) - 1)
    out, last = lif(run.x, run.v, run.dynamics, inverse_tau=run.inverse_tau)
    first, state = lif(run.x[:cut], run.v, run.dynamics, inverse_tau=run.inverse_tau)
    second, end = lif(run.x[cut:], state, run.dynamics, inverse_tau=run.inverse_tau)
    assert torch.equal(torch.cat([first, second]), out)
    assert torch.equal(end, last)


@given(dynamics(smooth=False), st.integers(0, 2**31))
def test_the_gradient_flows_through_the_carried_state(neuron: Dynamics, seed: int) -> None:
    x = currents((4, 6), seed, torch.float64).requires_grad_()
    (whole,) = torch.autograd.grad(lif(x, None, neuron)[0].sum(), x)
    first, state = lif(x[:2], None, neuron)
    second, _ = lif(x[2:], state, neuron)
    (split,) = torch.autograd.grad(first.sum() + second.sum(), x)
    torch.testing.assert_close(split, whole, rtol=1e-12, atol=1e-12)


@given(runs(smooth=False))
def test_no_state_is_the_state_at_rest(run: Run) -> None:
    at_rest = torch.full_like(run.x[0], run.dynamics.rest)
    given_none = lif(run.x, None, run.dynamics, inverse_tau=run.inverse_tau)
    given_rest = lif(run.x, at_rest, run.dynamics, inverse_tau=run.inverse_tau)
    assert torch.equal(given_none[0], given_rest[0])
    assert torch.equal(given_none[1], given_rest[1])


@given(dynamics(smooth=False), st.integers(0, 2**31))
def test_elements_do_not_see_each_other(neuron: Dynamics, seed: int) -> None:
    x = currents((3, 4, 5), seed, torch.float32)
    out, last = lif(x, None, neuron)
    alone, alone_last = lif(x[:, 1:2, 3], None, neuron)
    assert torch.equal(out[:, 1:2, 3], alone)
    assert torch.equal(last[1:2, 3], alone_last)


@given(dynamics(smooth=False), st.integers(0, 2**31))
def test_outputs_are_what_the_words_promise(neuron: Dynamics, seed: int) -> None:
    out, _ = lif(currents((4, 20), seed, torch.float64), None, neuron)
    values = out * neuron.levels if neuron.output == "normalised" else out
    if neuron.output == "membrane":
        assert (values >= 0).all()
        return
    allowed = {"binary": {0, 1}, "ternary": {-1, 0, 1}, "integer": set(range(neuron.levels + 1))}[neuron.fire]
    assert {round(value, 9) for value in values.unique().tolist()} <= allowed


@given(dynamics(smooth=False), st.integers(0, 2**31))
def test_the_analog_output_leaves_the_state_alone(neuron: Dynamics, seed: int) -> None:
    """Spikes drive the reset whatever leaves the neuron."""
    x = currents((4, 6), seed, torch.float64)
    assert torch.equal(
        lif(x, None, replace(neuron, output="spikes"))[1], lif(x, None, replace(neuron, output="membrane"))[1]
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("theta", [0.25, 0.3, 0.5, 1.0])
def test_the_threshold_itself_fires(theta: float, dtype: torch.dtype) -> None:
    """>=, not >: at the attention's threshold of 1/2 ties are common, since spike products are fractions of two."""
    at = torch.tensor(theta, dtype=dtype)
    below = torch.nextafter(at, torch.zeros_like(at))
    words: dict[str, Any] = {"tau": math.inf, "v_threshold": theta}
    both_sides = torch.stack([at, below, -at, -below]).unsqueeze(0)
    assert lif(both_sides, None, Dynamics(**words))[0].tolist() == [[1, 0, 0, 0]]
    assert lif(both_sides, None, Dynamics(fire="ternary", **words))[0].tolist() == [[1, 0, -1, 0]]


def test_a_tie_after_the_leak_fires() -> None:
    out, last = lif(torch.tensor([1.0, 1.5]), None, Dynamics(tau=2.0, v_threshold=1.0))
    assert out.tolist() == [0, 1]
    assert last.item() == 0


@given(st.integers(1, 6), st.integers(0, 2**31))
def test_an_integer_neuron_unrolls_into_binary_spikes(levels: int, seed: int) -> None:
    x = currents((3, 8), seed, torch.float64) * 2
    counts, _ = lif(x, None, Dynamics(v_reset=None, fire="integer", levels=levels))
    assert torch.equal(to_sub_steps(counts, levels).sum(0), counts)


@given(runs(smooth=False, dtype=torch.float64))
def test_a_soft_reset_without_leak_loses_nothing(run: Run) -> None:
    """IF with soft reset: the current that came in is what was fired and what is left."""
    neuron = Dynamics(tau=math.inf, v_reset=None, v_threshold=run.dynamics.v_threshold)
    spikes, last = lif(run.x, None, neuron)
    torch.testing.assert_close(spikes.sum(0) * neuron.v_threshold + last, run.x.sum(0), rtol=1e-12, atol=1e-12)
