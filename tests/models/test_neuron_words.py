"""Every neuron and norm in a model: what is measured of it, its export, and swapping its surrogate gradient."""

from __future__ import annotations

import pytest
import torch

from spikeformers.layers import NEURONS
from spikeformers.measure import count, firing, statistics
from spikeformers.measure.disturbances.surrogates import using_surrogate
from spikeformers.models import SpikingModel, unroll
from tests.models.tiny import random_input, smallest

WORDS = [*(word for word in NEURONS if word not in ("sfa", "relu", "gelu")), "psn(causal=true)", "sliding_psn(order=2)"]
NEW = ["klif", "glif", "clif", "learned_threshold", "psn", "psn(causal=true)", "sliding_psn"]


def made(word: str) -> SpikingModel:
    model = smallest(neuron=word, v_threshold=0.5)
    with torch.no_grad():
        for _, neuron in model.named_neurons():
            for parameter in neuron.parameters():
                parameter.add_(0.2 * torch.rand(parameter.shape))
    return model


@pytest.mark.parametrize("word", WORDS)
def test_what_reaches_the_threshold_is_what_fires(word: str) -> None:
    model = made(word)
    x = random_input(model, 4)
    seen, rows = statistics(model, x), firing(model, x)
    assert sum(layer.spikes for layer in seen.layers) > 0
    for layer, row in zip(seen.layers, rows, strict=True):
        assert layer.membrane is not None
        assert layer.membrane.total == layer.elements
        if layer.values == "binary":
            assert layer.spikes == row.spikes
            # Integers in front of the threshold of an attention may sit on it, where H - B + v_threshold is rounded.
            reaching = layer.membrane.reaching(layer.v_threshold)
            assert reaching == pytest.approx(layer.spikes, abs=2 if "psn" in word else 0)


KEPT = {"lif": 1, "clif": 2, "sliding_psn": 3, "sliding_psn(order=2)": 1, "psn": 3, "relu": 0}


@pytest.mark.parametrize(("word", "each"), KEPT.items())
def test_what_is_kept_is_counted(word: str, each: int) -> None:
    model = smallest(neuron=word)
    neurons = {row.name: row for row in count(model, random_input(model, 2)).rows if row.kind == "neuron"}
    assert set(neurons) == {name for name, _ in model.named_neurons()}
    for row in neurons.values():
        assert row.membranes == each * row.outputs // model.config.time_steps


@pytest.mark.parametrize("word", NEW)
def test_export(word: str) -> None:
    model = made(word)
    x = random_input(model, 2)
    program = torch.export.export(model, (x,))
    torch.testing.assert_close(program.module()(x), model(x))


@pytest.mark.parametrize("word", NEW)
def test_another_surrogate_changes_the_gradient_and_nothing_else(word: str) -> None:
    model = made(word)
    x = random_input(model, 2).requires_grad_()
    out = model(x)
    (own,) = torch.autograd.grad(out.sum(), x)
    with using_surrogate(model, "rectangular"):
        other_out = model(x)
        (other,) = torch.autograd.grad(other_out.sum(), x)
    assert torch.equal(out, other_out)
    assert not torch.equal(own, other)


@pytest.mark.parametrize("word", NEW)
def test_spikes_are_no_integers_to_unroll(word: str) -> None:
    # Spikformer adds spikes to spikes: that sum is unrolled whatever fires.
    model = made(word)
    x = random_input(model, 2)
    torch.testing.assert_close(unroll(model)(x), model(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("norm", ["tdbn(alpha=0.5)", "tebn"])
def test_norms_are_counted_once(norm: str) -> None:
    plain, other = (smallest(norm=word) for word in ("batch_norm", norm))
    x = random_input(plain, 2)
    rows = [[row.name for row in count(model, x).rows if row.kind == "norm"] for model in (plain, other)]
    assert rows[0] == rows[1]
    assert rows[0]


def test_building_a_config_draws_no_random_numbers() -> None:
    from spikeformers.models import SpikformerConfig

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    SpikformerConfig(neuron="psn")
    assert torch.equal(torch.rand(3), expected)
