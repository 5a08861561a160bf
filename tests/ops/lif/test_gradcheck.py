"""The hand-derived gradient against finite differences, on the smooth stand-in of every neuron.

With the surrogate's primitive as the firing step and nothing detached, the neuron is differentiable and its surrogate
gradient is its gradient.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.ops import SURROGATES, Dynamics, Surrogate, lif
from spikeformers.ops.lif.reference import lif_reference

RESETS: list[dict[str, Any]] = [
    {"v_reset": 0.0},
    {"v_reset": -0.2},
    {"v_reset": None},
    {"v_reset": None, "reset_by": 0.7},
]
CASES: list[dict[str, Any]] = [{"fire": rule, **reset} for rule in ("binary", "ternary") for reset in RESETS]
CASES += [
    {"fire": "integer", "levels": 2, "output": output, **reset}
    for output in ("spikes", "normalised")
    for reset in RESETS[2:]
]
CASES += [{"output": "membrane", **reset} for reset in RESETS]


def smooth(surrogate: str, **words: Any) -> Dynamics:
    return Dynamics(surrogate=Surrogate(surrogate).smoothed(), detach_reset=False, v_threshold=0.8, **words)


def leaves(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3, 2, 2, dtype=torch.float64, generator=generator)
    v = torch.randn(2, 2, dtype=torch.float64, generator=generator)
    return (1.5 * x).requires_grad_(), v.requires_grad_(), torch.tensor(0.4, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("decay_input", [True, False])
@pytest.mark.parametrize("words", CASES, ids=lambda words: "-".join(str(word) for word in words.values()))
@pytest.mark.parametrize("surrogate", SURROGATES)
def test_first_derivative(surrogate: str, words: dict[str, Any], decay_input: bool) -> None:
    x, v, k = leaves()
    dynamics = smooth(surrogate, decay_input=decay_input, **words)
    assert torch.autograd.gradcheck(lambda *a: lif(a[0], a[1], dynamics, inverse_tau=a[2]), (x, v, k))


@pytest.mark.parametrize("tau", [1.0, 1.5, math.inf])
@pytest.mark.parametrize("decay_input", [True, False])
def test_first_derivative_with_a_fixed_tau(tau: float, decay_input: bool) -> None:
    x, v, _ = leaves()
    dynamics = smooth("sigmoid", tau=tau, decay_input=decay_input)
    assert torch.autograd.gradcheck(lambda x, v: lif(x, v, dynamics), (x, v))
    assert torch.autograd.gradcheck(lambda x: lif(x, None, dynamics), (x,))


@pytest.mark.parametrize("fire", ["binary", "ternary"])
@pytest.mark.parametrize("v_reset", [-0.2, None])
@pytest.mark.parametrize("surrogate", ["sigmoid", "atan"])
def test_second_derivative(surrogate: str, v_reset: float | None, fire: Any) -> None:
    """The two surrogates that are smooth twice; a gradient penalty goes this way."""
    x, v, k = leaves()
    dynamics = smooth(surrogate, v_reset=v_reset, fire=fire)
    assert torch.autograd.gradgradcheck(lambda *a: lif(a[0], a[1], dynamics, inverse_tau=a[2]), (x, v, k))


@pytest.mark.parametrize("smoothed", [True, False])
@pytest.mark.parametrize("v_reset", [0.0, None])
def test_second_derivative_with_a_detached_reset(v_reset: float | None, smoothed: bool) -> None:
    """No finite difference knows what detached means; the reference does."""
    dynamics = Dynamics(v_reset=v_reset, surrogate=Surrogate("atan", smooth=smoothed))

    def penalty(run: Any) -> tuple[Tensor, ...]:
        x, v, k = leaves(3)
        out, last = run(x, v, dynamics, k)
        first = torch.autograd.grad(out.square().sum() + last.sum(), (x, v, k), create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), (x, v, k))  # type: ignore[arg-type]

    got = penalty(lambda x, v, d, k: lif(x, v, d, inverse_tau=k))
    torch.testing.assert_close(got, penalty(lif_reference), rtol=1e-10, atol=1e-10)
