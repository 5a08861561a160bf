"""Neurons by word: what they emit, where learned ones start, and what is said about words nobody knows."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.errors import ConfigError, UnknownNameError
from spikeformers.layers import BINARY, NEURONS, REAL, TERNARY, Memory, Neuron, Vocabulary, integers, register_neuron
from spikeformers.ops import Dynamics, Surrogate, lif

STATELESS = ("sfa", "relu", "gelu")


def neuron(word: str, **words: Any) -> Neuron:
    return Vocabulary(neuron=word, time_steps=5, **words).build_neuron()


def current(T: int = 5, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """Strong enough that every kind of neuron fires, in both directions."""
    return 2.5 * torch.randn(T, 2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize(
    ("word", "dynamics"),
    [
        ("lif", Dynamics(tau=1.5)),
        ("if", Dynamics(tau=math.inf)),
        ("ternary", Dynamics(tau=1.5, fire="ternary")),
        ("integer", Dynamics(tau=1.5, fire="integer", v_reset=None)),
    ],
)
def test_a_word_stands_for_its_dynamics(word: str, dynamics: Dynamics) -> None:
    x = current()
    assert torch.equal(neuron(word, tau=1.5)(x), lif(x, None, dynamics)[0])


@pytest.mark.parametrize("tau", [1.25, 1.5, 2.0, 7.0])
def test_a_learned_tau_starts_where_the_word_says(tau: float) -> None:
    plif = neuron("plif", tau=tau).double()
    (w,) = plif.parameters()
    assert w.shape == ()
    assert float(w.detach().sigmoid()) == pytest.approx(1 / tau, rel=1e-6)
    x = current()
    assert torch.equal(plif(x), lif(x, None, Dynamics(tau=tau))[0])
    plif(x).sum().backward()
    assert w.grad is not None
    assert float(w.grad) != 0


@pytest.mark.parametrize("word", ["plif", "pliaf"])
@pytest.mark.parametrize("tau", [1.0, math.inf])
def test_a_learned_tau_cannot_start_at_its_limits(word: str, tau: float) -> None:
    with pytest.raises(ConfigError, match=f"starts above 1 and below infinity, got tau = {tau}"):
        neuron(word, tau=tau)


def test_an_analog_neuron_emits_its_potential_and_resets_as_plif_does() -> None:
    x = current()
    pliaf, plif = neuron("pliaf").double(), neuron("plif").double()
    out, resets = pliaf(x), pliaf.reset_spikes(x)
    assert resets is not None
    assert torch.equal(resets, plif(x))
    assert 0 < resets.sum() < resets.numel()
    # ReLU of the membrane potential before the reset, by hand.
    v = torch.zeros_like(x[0])
    for t in range(len(x)):
        h = v + (x[t] - v) / 2
        torch.testing.assert_close(out[t], h.clamp_min(0), rtol=0, atol=1e-12)
        v = h * (h < 1)


@pytest.mark.parametrize(
    "words", [{"v_reset": None}, {"v_reset": -0.5}, {"decay_input": False}, {"v_threshold": 0.5, "tau": 3.0}]
)
def test_an_analog_neuron_resets_by_its_own_words(words: dict[str, Any]) -> None:
    x = current()
    resets = neuron("pliaf", **words).double().reset_spikes(x)
    assert resets is not None
    assert torch.equal(resets, neuron("plif", **words).double()(x))


@pytest.mark.parametrize("words", [{}, {"tau": 7.0, "v_threshold": 0.1, "v_reset": None, "detach_reset": False}])
def test_relu_is_no_spiking_neuron(words: dict[str, Any]) -> None:
    x = current().requires_grad_()
    layer = neuron("relu", **words)
    assert torch.equal(layer(x), x.clamp_min(0))
    assert not list(layer.parameters())
    (grad,) = torch.autograd.grad(layer(x).sum(), x)
    assert torch.equal(grad, (x > 0).double())


@pytest.mark.parametrize("words", [{}, {"tau": 7.0, "v_threshold": 0.1, "v_reset": None, "detach_reset": False}])
def test_gelu_is_no_spiking_neuron(words: dict[str, Any]) -> None:
    x = current().requires_grad_()
    layer = neuron("gelu", **words)
    # x Phi(x), exactly: the approximation by tanh is off by 1e-3.
    below = torch.special.ndtr(x.detach())
    torch.testing.assert_close(layer(x), x * below, rtol=0, atol=1e-14)
    assert not list(layer.parameters())
    (grad,) = torch.autograd.grad(layer(x).sum(), x)
    density = torch.exp(-x.detach().square() / 2) / math.sqrt(2 * math.pi)
    torch.testing.assert_close(grad, below + x.detach() * density, rtol=0, atol=1e-13)


@pytest.mark.parametrize("word", STATELESS)
def test_a_neuron_without_state_takes_each_time_step_by_itself(word: str) -> None:
    x, layer = current(), neuron(word)
    assert torch.equal(layer(x.flip(0)), layer(x).flip(0))
    assert torch.equal(layer(x[2:3]), layer(x)[2:3])


# ---- spike firing approximation --------------------------------------------------------------------------------------


def sfa(**more: Any) -> Neuron:
    return Vocabulary(neuron="sfa", more=more).build_neuron()


@pytest.mark.parametrize(
    ("more", "x", "output"),
    [
        ({}, 2.6, 3 / 4),  # the golden vector of the paper's rule, D = 4
        ({}, 0.4, 0.0),
        ({}, -3.0, 0.0),
        ({}, 9.0, 1.0),
        ({"levels": 8}, 2.6, 3 / 8),
        ({"norm": 1}, 2.6, 3.0),
        ({"levels": 2, "norm": 4.0}, 2.6, 2 / 4),
        # Halves go to the even neighbour.
        ({}, 0.5, 0.0),
        ({}, 1.5, 2 / 4),
        ({}, 2.5, 2 / 4),
        ({}, 3.5, 1.0),
    ],
)
def test_an_approximated_neuron_emits_how_often_it_would_fire(more: dict[str, Any], x: float, output: float) -> None:
    neuron = sfa(**more)
    out = neuron(torch.full((3, 2), x, dtype=torch.float64))
    # The same at every time step: nothing is integrated.
    assert torch.equal(out, torch.full((3, 2), output, dtype=torch.float64))
    assert neuron.values.hold(out)


@pytest.mark.parametrize(("more", "norm"), [({}, 4), ({"norm": 1.0}, 1), ({"levels": 8}, 8)])
def test_its_gradient_is_straight_through_between_its_limits(more: dict[str, Any], norm: int) -> None:
    levels = float(more.get("levels", 4))
    inside = [0.0, 1e-9, 0.5, levels / 2, levels - 1e-9, levels]
    x = torch.tensor([-1.0, -1e-9, *inside, levels + 1e-9, 99.0], dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(sfa(**more)(x.unsqueeze(0)).sum(), x)
    assert grad.tolist() == [0, 0, *[1 / norm] * len(inside), 0, 0]


def test_it_ignores_the_words_of_a_membrane() -> None:
    x = current()
    assert torch.equal(neuron("sfa", tau=7.0, v_threshold=0.1, v_reset=None, decay_input=False)(x), sfa()(x))
    assert "levels=4, norm=4" in repr(sfa())


@pytest.mark.parametrize("word", sorted(NEURONS))
def test_only_analog_neurons_have_reset_spikes(word: str) -> None:
    resets = neuron(word).double().reset_spikes(current())
    assert (resets is not None) == (word == "pliaf")


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("lif", BINARY),
        ("if", BINARY),
        ("plif", BINARY),
        ("klif", BINARY),
        ("clif", BINARY),
        ("learned_threshold", BINARY),
        ("sliding_psn", BINARY),
        ("pliaf", REAL),
        ("ternary", TERNARY),
        ("integer", integers(4)),
        ("sfa", integers(4, scale=0.25)),
        ("relu", REAL),
        ("gelu", REAL),
    ],
)
def test_a_neuron_emits_what_it_declares(word: str, values: Any) -> None:
    layer = neuron(word).double()
    out = layer(current(20))
    assert layer.values == Vocabulary(neuron=word).spikes == values
    assert values.hold(out)
    if values.highest is not None:  # and no less than it declares
        assert out.max() == values.highest * values.scale
        assert out.min() == (-values.highest if values.signed else 0)


@pytest.mark.parametrize("word", sorted(NEURONS))
def test_a_neuron_leaves_nothing_behind(word: str) -> None:
    layer, x = neuron(word).double(), current()
    assert torch.equal(layer(x), layer(x))


@pytest.mark.parametrize("word", [word for word in sorted(NEURONS) if word != "psn"])
def test_with_a_memory_steps_equal_all_at_once(word: str) -> None:
    layer, x = neuron(word).double(), current()
    kept: dict[Any, Tensor] = {}
    steps = []
    for x_t in x:
        memory = Memory(kept)
        steps.append(layer(x_t.unsqueeze(0), memory))
        kept = memory.after
        assert {module for module, _ in kept} == (set() if word in STATELESS else {layer})
    # The vectorised erf of GELU rounds the last numbers of a tensor otherwise than those in front.
    torch.testing.assert_close(torch.cat(steps), layer(x), rtol=0, atol=1e-14 if word == "gelu" else 0)


def test_every_word_reaches_the_neuron() -> None:
    words: dict[str, Any] = {
        "tau": 3.0,
        "v_threshold": 0.75,
        "v_reset": None,
        "decay_input": False,
        "detach_reset": False,
        "surrogate": Surrogate("triangle", 0.5),
    }
    layer = neuron("lif", **words)
    assert layer.dynamics == Dynamics(**words)
    assert "tau=3, v_threshold=0.75, v_reset=None, surrogate=triangle" in repr(layer)
    own_threshold = Vocabulary(**words).build_neuron(0.25)
    assert own_threshold.dynamics == Dynamics(**{**words, "v_threshold": 0.25})


def test_an_unknown_neuron() -> None:
    with pytest.raises(UnknownNameError, match=r"no neuron 'plfi'\. Did you mean .*'plif'.*Known: lif, if, plif"):
        neuron("plfi")


@pytest.fixture
def own_neurons(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""


class Threshold(Neuron):
    """Fires where the current alone reaches the threshold."""

    def __init__(self, v_threshold: float, **words: Any) -> None:
        super().__init__()
        self.v_threshold = v_threshold

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        return (x >= self.v_threshold).to(x.dtype)


@pytest.mark.usefixtures("own_neurons")
def test_a_registered_neuron_is_a_word_like_any_other() -> None:
    register_neuron("threshold", Threshold)
    x = current()
    assert torch.equal(neuron("threshold", v_threshold=0.5)(x), (x >= 0.5).double())


@pytest.mark.usefixtures("own_neurons")
def test_a_word_is_registered_once() -> None:
    with pytest.raises(ConfigError, match="neuron 'lif' is registered already; choose another word"):
        register_neuron("lif", Threshold)


@pytest.mark.usefixtures("own_neurons")
@pytest.mark.parametrize("wrong", [torch.nn.ReLU, lambda **words: Threshold(1.0)], ids=["module", "function"])
def test_what_is_no_neuron_class_is_not_registered(wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"'mine' must be a subclass of spikeformers\.layers\.Neuron, got <"):
        register_neuron("mine", wrong)
    with pytest.raises(UnknownNameError):
        neuron("mine")


@pytest.mark.parametrize("word", [word for word in NEURONS if word not in ("relu", "gelu")])
def test_potentials_are_held_against_the_threshold(word: str) -> None:
    module, x = neuron(word, v_threshold=0.75).double(), current()
    with torch.no_grad():
        h, out = module.potentials(x), module(x)
    assert h is not None
    assert h.shape == x.shape
    assert module.v_threshold == (1 if word == "sfa" else 0.75)
    assert not h.requires_grad
    if word == "pliaf":
        fired, expected = module.reset_spikes(x), (h >= 0.75).double()
        assert torch.equal(out, h.relu())
    elif word in ("sfa", "integer"):
        fired, expected = (out / module.values.scale).round(), (h / module.v_threshold).clamp(0, 4).round()
    else:
        fired, expected = out, (h >= 0.75).double()
        expected -= (h <= -0.75).double() * (word == "ternary")
    assert fired is not None
    assert 0 < fired.count_nonzero() < fired.numel()
    assert torch.equal(fired, expected)


@pytest.mark.parametrize("word", ["relu", "gelu"])
def test_a_function_has_neither_potential_nor_threshold(word: str) -> None:
    module = neuron(word, v_threshold=0.75)
    assert module.potentials(current()) is None
    assert module.v_threshold is None
