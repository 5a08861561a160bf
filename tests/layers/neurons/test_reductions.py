"""Where each neuron becomes a LIF, or a convolution over time."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.layers import Memory
from spikeformers.ops import Dynamics, lif, potentials
from tests.layers.neurons.made import T, assert_fires_now_and_then, build, column, current, moved

RESETS: list[float | None] = [0.0, None]
CHARGES: list[dict[str, Any]] = [{}, {"tau": 1.5, "decay_input": False}, {"tau": math.inf}, {"v_threshold": 0.7}]


def gradient(out: Tensor, x: Tensor) -> Tensor:
    weights = torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(3))
    return torch.autograd.grad((out * weights).sum(), x)[0]


@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("v_reset", [0.0, -0.3, None])
@pytest.mark.parametrize("words", CHARGES, ids=str)
def test_a_learned_threshold_starts_as_lif(words: dict[str, Any], v_reset: float | None, detach_reset: bool) -> None:
    words = {**words, "v_reset": v_reset, "detach_reset": detach_reset}
    x = current().requires_grad_()
    ours, theirs = build("learned_threshold", **words)(x), lif(x, None, Dynamics(**words))[0]
    assert_fires_now_and_then(ours)
    assert torch.equal(ours, theirs)
    # The adjoint of LIF adds up in another order.
    torch.testing.assert_close(gradient(ours, x), gradient(theirs, x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("v_reset", RESETS)
def test_a_learned_threshold_that_moved_is_a_lif_of_that_threshold(v_reset: float | None) -> None:
    neuron, x = build("learned_threshold", v_reset=v_reset), current()
    with torch.no_grad():
        neuron.log_threshold.fill_(math.log(0.6))
    assert neuron.v_threshold == pytest.approx(0.6, rel=1e-12)
    assert torch.equal(neuron(x), lif(x, None, Dynamics(v_reset=v_reset, v_threshold=neuron.v_threshold))[0])


@pytest.mark.parametrize("scale_reset", ["true", "false"])
@pytest.mark.parametrize("v_reset", [0.0, 0.2, None])
@pytest.mark.parametrize("words", CHARGES, ids=str)
def test_klif_of_potentials_above_zero_is_lif(words: dict[str, Any], v_reset: float | None, scale_reset: str) -> None:
    words = {**words, "v_reset": v_reset}
    x = current().abs() * 0.7
    out = build(f"klif(scale_reset={scale_reset})", **words)(x)
    assert_fires_now_and_then(out)
    assert torch.equal(out, lif(x, None, Dynamics(**words))[0])


def test_klif_forgets_what_is_below_zero() -> None:
    x = column(-4.0, 1.9, 1.9)
    # LIF: H = -2, -0.05, 0.925. KLIF: F = 0, 0.95, 1.425.
    assert lif(x, None, Dynamics())[0].flatten().tolist() == [0, 0, 0]
    assert build("klif")(x).flatten().tolist() == [0, 0, 1]


@pytest.mark.parametrize("k", [0.5, 2.0])
def test_klif_with_a_scaled_reset_is_lif_of_another_threshold(k: float) -> None:
    # F / k = ReLU(H): with a hard reset the factor only divides the threshold.
    x = current().abs() / k
    out = build(f"klif(k={k}, scale_reset=true)")(x)
    assert_fires_now_and_then(out)
    assert torch.equal(out, lif(x, None, Dynamics(v_threshold=1 / k))[0])


@pytest.mark.parametrize("tau", [1.5, 2.0, 4.0])
def test_glif_with_its_gates_at_lif_is_lif(tau: float) -> None:
    x = current()
    neuron = build("glif", tau=tau, v_threshold=0.8)
    with torch.no_grad():
        for gate in (neuron.leak_gate, neuron.input_gate, neuron.reset_gate):
            gate.fill_(math.inf)
    out = neuron(x)
    assert_fires_now_and_then(out)
    assert torch.equal(out, lif(x, None, Dynamics(tau=tau, v_threshold=0.8))[0])
    torch.testing.assert_close(  # its leak and conductance were made in float32
        neuron.potentials(x), potentials(x, None, Dynamics(tau=tau, v_threshold=0.8)), rtol=0, atol=1e-6
    )


def test_glif_with_all_gates_shut_leaks_by_a_constant_and_resets_softly() -> None:
    x, neuron = current(), build("glif")
    with torch.no_grad():
        for gate in (neuron.leak_gate, neuron.input_gate, neuron.reset_gate):
            gate.fill_(-math.inf)
    # An IF of soft reset, whose current is less by the linear leak: it starts at v_threshold / (2 T).
    out = neuron(x)
    assert_fires_now_and_then(out)
    assert torch.equal(out, lif(x - 1 / (2 * T), None, Dynamics(tau=math.inf, v_reset=None))[0])


@pytest.mark.parametrize("tau", [1.5, 2.0, math.inf])
def test_clif_without_its_complementary_potential_is_lif(tau: float) -> None:
    x, neuron = current(), build("clif", tau=tau)
    # The sigmoid of minus infinity is 0, and minus infinity is what M stays at.
    off = Memory({(neuron, "m"): torch.full_like(x[0], -math.inf)})
    out = neuron(x, off)
    assert_fires_now_and_then(out)
    assert torch.equal(out, lif(x, None, Dynamics(tau=tau, decay_input=False, v_reset=None))[0])


def test_clif_is_lif_until_it_fires() -> None:
    x, neuron = current(shift=0.0), build("clif")
    words = Dynamics(decay_input=False, v_reset=None)
    silent = (neuron(x).cumsum(0) - neuron(x)).eq(0)  # up to the first spike, and that one
    assert silent[0].all()
    assert not silent.all()
    assert torch.equal(neuron(x)[silent], lif(x, None, words)[0][silent])
    assert torch.equal(neuron.potentials(x)[silent], potentials(x, None, words)[silent])


def without_reset(x: Tensor, tau: float, decay_input: bool) -> Tensor:
    """Potentials of a LIF that never resets, by its recurrence."""
    v, h = torch.zeros_like(x[0]), []
    for x_t in x:
        v = v * (1 - 1 / tau) + x_t * (1 / tau if decay_input and tau < math.inf else 1)
        h.append(v)
    return torch.stack(h)


@pytest.mark.parametrize("words", CHARGES[:3], ids=str)
def test_a_causal_psn_starts_as_a_lif_without_reset(words: dict[str, Any]) -> None:
    x = current()
    expected = without_reset(x, words.get("tau", 2.0), words.get("decay_input", True))
    # Its weights were made in float32.
    torch.testing.assert_close(build("psn(causal=true)", **words).potentials(x), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("causal", ["true", "false"])
@pytest.mark.parametrize("decay_input", [True, False])
def test_psn_with_the_kernel_of_lif_is_a_lif_without_reset(decay_input: bool, causal: str) -> None:
    x, tau = current(), 3.0
    neuron = build(f"psn(causal={causal})")
    lag = torch.arange(T).view(-1, 1) - torch.arange(T)
    kernel = (1 - 1 / tau) ** lag.double() * (1 / tau if decay_input else 1)
    with torch.no_grad():
        neuron.weight.copy_(torch.where(lag >= 0, kernel, 0.0))
    expected = without_reset(x, tau, decay_input)
    torch.testing.assert_close(neuron.potentials(x), expected, rtol=0, atol=1e-12)
    assert_fires_now_and_then(neuron(x))
    assert torch.equal(neuron(x), (expected >= 1).double())


def test_a_causal_psn_ignores_the_weights_of_later_steps() -> None:
    x, neuron, full = current(), moved("psn(causal=true)", decay_input=False), build("psn")
    with torch.no_grad():
        full.weight.copy_(neuron.weight.tril())
        full.thresholds.copy_(neuron.thresholds)
        torch.testing.assert_close(neuron.potentials(x), full.potentials(x), rtol=0, atol=1e-12)
    neuron(x.requires_grad_())[1].sum().backward()
    assert neuron.weight.grad[1, :2].abs().min() > 0
    assert x.grad is not None
    assert not x.grad[2:].any()


@pytest.mark.parametrize("words", CHARGES[:3], ids=str)
def test_sliding_psn_starts_as_a_lif_without_reset_over_its_order(words: dict[str, Any]) -> None:
    x = current()
    whole = build(f"sliding_psn(order={T})", **words)
    expected = without_reset(x, words.get("tau", 2.0), words.get("decay_input", True))
    torch.testing.assert_close(whole.potentials(x), expected, rtol=0, atol=1e-6)  # its weights were made in float32
    # A shorter one sees no further back: at each step what a LIF makes of the last two currents alone.
    short = build("sliding_psn(order=2)", **words).potentials(x)
    for t in range(1, T):
        last = without_reset(x[t - 1 : t + 1], words.get("tau", 2.0), words.get("decay_input", True))[-1]
        torch.testing.assert_close(short[t], last, rtol=0, atol=1e-6)


@pytest.mark.parametrize("order", [1, 3, 7])
def test_sliding_psn_is_a_causal_convolution(order: int) -> None:
    x, neuron = current(6), moved(f"sliding_psn(order={order})")
    rows = F.pad(x.T.unsqueeze(1), (order - 1, 0))  # [6, 1, order - 1 + T]
    h = F.conv1d(rows, neuron.weight.detach().view(1, 1, -1)).squeeze(1).T
    torch.testing.assert_close(neuron.potentials(x), h - neuron.threshold.detach() + 1, rtol=0, atol=1e-12)


def test_the_documented_start_of_sliding_psn() -> None:
    assert build("sliding_psn", decay_input=False).weight.tolist() == [0.125, 0.25, 0.5, 1]
