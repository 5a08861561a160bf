"""Gradients of the neurons that are written step by step: against finite differences, and what detaching cuts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.ops import SURROGATES, Surrogate, heaviside
from tests.layers.neurons.made import T, build, current, moved

WORDS = [
    "klif",
    "klif(k=1.5, scale_reset=true)",
    "glif",
    "clif",
    "learned_threshold",
    "psn",
    "psn(causal=true)",
    "sliding_psn(order=3)",
]


@pytest.mark.parametrize("v_reset", [0.0, -0.2, None])
@pytest.mark.parametrize("word", WORDS)
def test_the_gradient_is_that_of_the_smooth_stand_in(word: str, v_reset: float | None) -> None:
    surrogate = Surrogate("atan" if v_reset == 0 else "sigmoid").smoothed()
    neuron = moved(word, surrogate=surrogate, v_reset=v_reset, detach_reset=False, time_steps=3)
    x = current(2, steps=3).abs().requires_grad_()  # KLIF has a kink at zero
    parameters = list(neuron.parameters())
    assert parameters or word == "clif"
    assert torch.autograd.gradcheck(lambda x, *parameters: neuron(x), (x, *parameters))


@pytest.mark.parametrize("name", SURROGATES)
@pytest.mark.parametrize("word", WORDS)
def test_every_parameter_learns_by_any_surrogate(word: str, name: str) -> None:
    neuron, x = build(word, surrogate=Surrogate(name), time_steps=T), current().requires_grad_()
    out = neuron(x)
    assert 0 < out.sum() < out.numel()
    out.square().sum().backward()
    assert x.grad is not None
    assert x.grad.any()
    for parameter_name, parameter in neuron.named_parameters():
        assert parameter.grad.isfinite().all(), parameter_name
        later = torch.ones_like(parameter).triu(1) if word == "psn(causal=true)" and parameter.dim() == 2 else 0
        assert torch.equal(parameter.grad == 0, torch.zeros_like(parameter) + later == 1), parameter_name


def gradient_of_last(neuron: Any, x: Tensor) -> Tensor:
    return torch.autograd.grad(neuron(x)[-1].sum(), x)[0]


@pytest.mark.parametrize("word", ["klif", "learned_threshold", "glif", "clif"])
@pytest.mark.parametrize("v_reset", [0.0, None])
def test_detach_reset_changes_the_gradient_alone(word: str, v_reset: float | None) -> None:
    x = current().requires_grad_()
    free, cut = (build(word, v_reset=v_reset, detach_reset=detached) for detached in (False, True))
    assert torch.equal(free(x), cut(x))
    assert not torch.allclose(gradient_of_last(free, x), gradient_of_last(cut, x))


def test_a_detached_reset_of_clif_still_learns_through_its_second_potential() -> None:
    # One spike, then silence: the potential of the last step depends on the first current through M, too.
    x = torch.tensor([[1.2], [0.0]], dtype=torch.float64, requires_grad=True)
    surrogate = Surrogate("sigmoid")
    (ours,) = torch.autograd.grad(build("clif", time_steps=2)(x)[1].sum(), x)
    h1 = torch.tensor(1.2, dtype=torch.float64)
    through_m = h1.div(2).sigmoid() * 0 + surrogate.derivative(h1 - 1)  # dM/dH, as M starts at 0
    gate = torch.tensor(1.0, dtype=torch.float64).sigmoid()
    h2 = (h1 - 1 - gate) / 2
    expected = surrogate.derivative(h2 - 1) * 0.5 * (1 - gate * (1 - gate) * through_m)
    torch.testing.assert_close(ours[0, 0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("word", ["klif", "learned_threshold", "glif", "clif"])
def test_detach_membrane_lets_no_gradient_through_time(word: str) -> None:
    x = current().requires_grad_()
    neuron = build(word, detach_membrane=True)
    grad = gradient_of_last(neuron, x)
    assert grad[-1].any()
    assert not grad[:-1].any()
    assert torch.equal(neuron(x), build(word)(x))


@pytest.mark.parametrize("name", SURROGATES)
def test_heaviside(name: str) -> None:
    u = torch.tensor([-1.0, -1e-300, -0.0, 0.0, 1e-300, 0.4], dtype=torch.float64, requires_grad=True)
    surrogate = Surrogate(name)
    out = heaviside(u, surrogate)
    assert out.tolist() == [0, 0, 1, 1, 1, 1]
    (grad,) = torch.autograd.grad(out, u, torch.arange(6.0, dtype=torch.float64))
    assert torch.equal(grad, torch.arange(6.0, dtype=torch.float64) * surrogate.derivative(u.detach()))
    assert torch.equal(heaviside(u, surrogate.smoothed()), surrogate.primitive(u))
    assert heaviside(u.detach().bfloat16(), surrogate).dtype == torch.bfloat16
