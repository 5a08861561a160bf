"""The word detach_membrane: no gradient through time, and all else as it is.

That the operator and the reference agree on it, for every neuron, `test_oracle.py` tests: it draws the word, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, library

from spikeformers.ops import SURROGATES, Dynamics, Surrogate, lif
from spikeformers.ops.lif.operator import lif_operator
from spikeformers.ops.lif.reference import lif_reference
from tests.ops.drawing import Run, runs
from tests.ops.lif.test_gradcheck import CASES, leaves


def weights_like(x: Tensor) -> Tensor:
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(5), dtype=x.dtype)


@settings(max_examples=60)
@given(runs())
def test_what_fires_does_not_depend_on_it(run: Run) -> None:
    attached, detached = (replace(run.dynamics, detach_membrane=word) for word in (False, True))
    expected, got = (lif(run.x, run.v, d, inverse_tau=run.inverse_tau) for d in (attached, detached))
    assert torch.equal(got[0], expected[0])
    assert torch.equal(got[1], expected[1])


@settings(max_examples=60)
@given(runs(dtype=torch.float64))
def test_every_step_learns_as_a_run_of_that_step_alone(run: Run) -> None:
    """From the potential the steps before it left, taken as a number."""
    run = replace(run, dynamics=replace(run.dynamics, detach_membrane=True)).fresh()
    weights = weights_like(run.x)
    out, _ = lif(run.x, run.v, run.dynamics, inverse_tau=run.inverse_tau)
    (out * weights).sum().backward()
    assert run.x.grad is not None
    alone = replace(run.dynamics, detach_membrane=False)
    potential, of_k = run.v, torch.zeros((), dtype=torch.float64)
    for t in range(len(run.x)):
        step = replace(run, x=run.x[t : t + 1], v=potential).fresh()
        out, potential = lif(step.x, step.v, alone, inverse_tau=step.inverse_tau)
        (out * weights[t : t + 1]).sum().backward()
        assert step.x.grad is not None
        torch.testing.assert_close(run.x.grad[t], step.x.grad[0], rtol=1e-12, atol=1e-12)
        of_k = of_k if step.inverse_tau is None or step.inverse_tau.grad is None else of_k + step.inverse_tau.grad
        potential = potential.detach()
    if run.inverse_tau is not None and run.inverse_tau.grad is not None:
        # A sum of up to 240 terms, whose order differs.
        torch.testing.assert_close(run.inverse_tau.grad, of_k, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("run", [lif, lambda x, v, d, inverse_tau: lif_reference(x, v, d, inverse_tau)])
def test_the_first_potential_gets_no_gradient(run: Any) -> None:
    x, v, k = leaves()
    out, last = run(x, v, Dynamics(detach_membrane=True), inverse_tau=k)
    grads = torch.autograd.grad(out.sum() + last.sum(), (x, v, k), allow_unused=True)
    assert grads[0].abs().sum() > 0
    assert grads[1] is None or not grads[1].any()
    assert grads[2] != 0


@pytest.mark.parametrize("words", CASES, ids=lambda words: "-".join(str(word) for word in words.values()))
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_one_step_by_finite_differences(surrogate: str, words: dict[str, Any]) -> None:
    """Of one step nothing is cut but the potential before it."""
    x, v, k = leaves()
    dynamics = Dynamics(
        surrogate=Surrogate(surrogate).smoothed(), detach_reset=False, detach_membrane=True, v_threshold=0.8, **words
    )
    assert torch.autograd.gradcheck(
        lambda x, k: lif(x, v.detach(), dynamics, inverse_tau=k), (x[:1].detach().requires_grad_(), k)
    )


@pytest.mark.parametrize("v_reset", [0.0, -0.2, None])
def test_second_derivative(v_reset: float | None) -> None:
    """Also of the learned time constant, whose gradient has the detached potential in it."""
    dynamics = Dynamics(v_reset=v_reset, surrogate=Surrogate("atan", smooth=True), detach_membrane=True)

    def penalty(run: Any) -> tuple[Tensor, ...]:
        x, v, k = leaves(3)
        out, last = run(x, v, dynamics, k)
        first = torch.autograd.grad(out.square().sum() + last.sum(), (x, k), create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), (x, k))  # type: ignore[arg-type]

    got = penalty(lambda x, v, d, k: lif(x, v, d, inverse_tau=k))
    torch.testing.assert_close(got, penalty(lif_reference), rtol=1e-10, atol=1e-10)


def test_opcheck() -> None:
    x, v, k = leaves()
    library.opcheck(lif_operator, (x, v, k, True, Dynamics(detach_membrane=True).words))
