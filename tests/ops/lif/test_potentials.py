"""Membrane potentials right before firing: by the documented charge, and what the outputs were decided by."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.ops import Dynamics, lif, potentials
from tests.ops.drawing import Run, runs


def charged(run: Run) -> Tensor:
    """H of every step by the formula in the docstring of `Dynamics`, V from runs of `lif` that stop a step earlier."""
    d = run.dynamics
    k = (0.0 if math.isinf(d.tau) else 1 / d.tau) if run.inverse_tau is None else run.inverse_tau
    rest = 0.0 if d.v_reset is None else d.v_reset
    rows = []
    for t, x in enumerate(run.x):
        v = torch.full_like(x, rest) if run.v is None else run.v
        if t:
            _, v = lif(run.x[:t], run.v, d, inverse_tau=run.inverse_tau)
        leak = (v - rest) * k
        infinite = math.isinf(d.tau) and run.inverse_tau is None
        rows.append(v - leak + (x * k if d.decay_input and not infinite else x))
    return torch.stack(rows)


@settings(max_examples=150)
@given(runs(smooth=False))
def test_potentials_are_what_the_charge_gives(run: Run) -> None:
    """Within 16 roundings of the largest value: the same sums in another order."""
    with torch.no_grad():
        h, expected = potentials(run.x, run.v, run.dynamics, inverse_tau=run.inverse_tau), charged(run)
    assert h.dtype == run.x.dtype
    assert not h.requires_grad
    largest = max([1.0, *(float(t.detach().abs().max()) for t in (run.x, expected) if t.numel())])
    torch.testing.assert_close(h, expected, rtol=0, atol=16 * largest * torch.finfo(h.dtype).eps)


@settings(max_examples=150)
@given(runs(smooth=False))
def test_the_outputs_are_decided_by_them(run: Run) -> None:
    d = replace(run.dynamics, output="spikes")
    with torch.no_grad():
        out, _ = lif(run.x, run.v, d, inverse_tau=run.inverse_tau)
        h = potentials(run.x, run.v, d, inverse_tau=run.inverse_tau)
    if d.fire == "integer":
        expected = (h / d.v_threshold).clamp(0, d.levels).round()
    else:
        expected = (h >= d.v_threshold).to(h.dtype)
        if d.fire == "ternary":
            expected -= (-h >= d.v_threshold).to(h.dtype)
    assert torch.equal(out, expected)


def test_the_default_is_the_neuron_of_spikformer() -> None:
    x = torch.tensor([1.0, 1.0, 1.0, 4.0])
    assert torch.equal(potentials(x), potentials(x, None, Dynamics()))
    assert potentials(x).tolist() == [0.5, 0.75, 0.875, 2.4375]


@pytest.mark.parametrize("x", [torch.zeros(0, 2), torch.zeros(2, dtype=torch.int64)])
def test_what_is_no_current_is_refused(x: Tensor) -> None:
    with pytest.raises(InputError, match="floating point current"):
        potentials(x)
