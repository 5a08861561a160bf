"""Noise on weights and faults of spikes: as strong as told, drawn per sample, and gone at the end."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from spikeformers.errors import InputError
from spikeformers.layers import NEURONS, PLIAF, IntegerLIF, Neuron, SpikeFiringApproximation, TernaryLIF
from spikeformers.measure.disturbances.draws import streams
from spikeformers.measure.disturbances.spikes import faulty_spikes, has_neurons
from spikeformers.measure.disturbances.weights import noisy_weights
from tests.models.tiny import random_input, smallest, tiny_model


class Relay(Neuron):
    """Emits what it is given, declared as the neuron it stands for."""

    def __init__(self, like: Neuron) -> None:
        super().__init__()
        self.values = like.values

    def forward(self, x: Tensor, memory: object = None) -> Tensor:
        return x.clone()


def through(neuron: Neuron, output: Tensor, lost: float = 0.0, spurious: float = 0.0, seed: int = 0) -> Tensor:
    with faulty_spikes(neuron, streams(seed, "x", 0, output.shape[1]), lost=lost, spurious=spurious):
        return neuron(output)


def binomial(count: int, probability: float, trials: int) -> None:
    """Five standard deviations: a fair draw fails once in a million."""
    assert abs(count - probability * trials) <= 5 * math.sqrt(trials * probability * (1 - probability)) + 1e-9


@pytest.mark.parametrize("lost", [0.1, 0.5, 0.9])
def test_binary_spikes_are_lost_at_their_rate(lost: float) -> None:
    spikes = (torch.rand(4, 8, 16, 40) < 0.3).float()
    arrived = through(Relay(NEURONS["lif"]()), spikes, lost)
    assert set(arrived.unique().tolist()) == {0.0, 1.0}
    assert bool((arrived <= spikes).all())
    sent = int(spikes.sum())
    binomial(sent - int(arrived.sum()), lost, sent)


def test_ternary_spikes_keep_their_sign() -> None:
    spikes = torch.randint(-1, 2, (4, 8, 16, 40)).float()
    arrived = through(Relay(TernaryLIF()), spikes, 0.25)
    assert bool(((arrived == spikes) | (arrived == 0)).all())
    sent = int(spikes.abs().sum())
    binomial(sent - int(arrived.abs().sum()), 0.25, sent)


@pytest.mark.parametrize(
    "neuron", [IntegerLIF(levels=4), SpikeFiringApproximation(levels=4), SpikeFiringApproximation(levels=3)]
)
def test_of_an_integer_each_spike_is_lost_by_itself(neuron: Neuron) -> None:
    highest, scale = neuron.values.highest, neuron.values.scale
    assert highest is not None
    sent = torch.randint(0, highest + 1, (4, 8, 16, 40))
    arrived = through(Relay(neuron), sent * scale, 0.3) / scale
    torch.testing.assert_close(arrived, arrived.round())
    for integer in range(highest + 1):
        kept = arrived[sent == integer].round()
        for count in range(integer + 1):
            probability = math.comb(integer, count) * 0.7**count * 0.3 ** (integer - count)
            binomial(int((kept == count).sum()), probability, len(kept))
        assert integer == 0 or kept.max() <= integer


def test_of_an_analog_neuron_the_whole_output_is_lost() -> None:
    output = torch.rand(4, 8, 16, 40) + 0.1
    arrived = through(Relay(PLIAF()), output, 0.25, spurious=0.5)
    assert bool(((arrived == output) | (arrived == 0)).all())
    binomial(int((arrived == 0).sum()), 0.25, output.numel())


@pytest.mark.parametrize(("neuron", "spike"), [(NEURONS["lif"](), 1.0), (SpikeFiringApproximation(levels=4), 0.25)])
def test_spurious_spikes_come_where_none_was(neuron: Neuron, spike: float) -> None:
    spikes = (torch.rand(4, 8, 16, 40) < 0.3) * spike
    arrived = through(Relay(neuron), spikes, spurious=0.2)
    assert torch.equal(arrived[spikes > 0], spikes[spikes > 0])
    silent = arrived[spikes == 0]
    assert set(silent.unique().tolist()) == {0.0, spike}
    binomial(int((silent > 0).sum()), 0.2, len(silent))


def test_every_sample_layer_and_step_has_draws_of_its_own() -> None:
    one = torch.ones(3, 6, 50)
    neurons = nn.Sequential(Relay(NEURONS["lif"]()), Relay(NEURONS["lif"]()))
    with faulty_spikes(neurons, streams(0, "x", 0, 6), lost=0.5):
        first = neurons[0](one)
        second = neurons[1](one)
    samples = torch.stack([first, second]).permute(0, 1, 2, 3).reshape(-1, 50)
    assert len(samples.unique(dim=0)) == 2 * 3 * 6
    with faulty_spikes(neurons, streams(0, "x", 4, 2), lost=0.5):
        assert torch.equal(neurons[0](one[:, 4:]), first[:, 4:])
    assert torch.equal(neurons[0](one), one)
    # What is lost at some probability is lost at every higher one.
    assert bool((through(neurons[0], one, 0.7) <= through(neurons[0], one, 0.3)).all())


@pytest.mark.parametrize("neuron", ["lif", "plif", "ternary", "integer", "sfa", "pliaf", "relu"])
@torch.no_grad()
def test_nothing_lost_is_the_model_and_all_lost_a_silent_one(neuron: str) -> None:
    model = smallest(neuron=neuron)
    x = random_input(model, 5)
    clean = model(x)
    with faulty_spikes(model, streams(0, "x", 0, 5)):
        untouched = model(x)
    if neuron == "pliaf":
        # Watched, a norm and its neuron run one after the other, and round differently; analog outputs show that.
        torch.testing.assert_close(untouched, clean, rtol=1e-5, atol=1e-6)
    else:
        assert torch.equal(untouched, clean)
    with faulty_spikes(model, streams(0, "x", 0, 5), lost=1.0):
        silenced = model(x)
    for module in model.modules():  # a neuron that never fires
        if isinstance(module, Neuron):
            module.forward = lambda current, memory=None: torch.zeros_like(current)  # type: ignore[method-assign]
    torch.testing.assert_close(silenced, model(x), rtol=0, atol=0)
    assert not torch.equal(silenced, clean)


@pytest.mark.parametrize("name", ["sdt_8_384.imagenet", "spikingformer_4_256.cifar10"])
@torch.no_grad()
def test_a_sample_loses_the_same_spikes_in_every_batch(name: str) -> None:
    model = tiny_model(name).double()
    x = random_input(model, 6)
    with faulty_spikes(model, streams(2, "x", 0, 6), lost=0.2):
        together = model(x)
    parts = []
    for first in (0, 4):
        with faulty_spikes(model, streams(2, "x", first, len(x[first : first + 4])), lost=0.2):
            parts.append(model(x[first : first + 4]))
    # In float64 no potential of these falls on the other side of its threshold.
    torch.testing.assert_close(torch.cat(parts), together)
    assert not torch.allclose(together, model(x))


def test_hooks_go_even_after_an_error() -> None:
    neuron = Relay(NEURONS["lif"]())
    with pytest.raises(InputError, match="with B = 3"), faulty_spikes(neuron, streams(0, "x", 0, 3), lost=0.5):
        neuron(torch.ones(2, 4, 5))
    assert not neuron._forward_hooks
    assert has_neurons(nn.Sequential(neuron))
    assert not has_neurons(nn.Linear(2, 2))


def test_weight_noise_has_its_strength() -> None:
    model = nn.Sequential(nn.Conv2d(8, 32, 3), nn.BatchNorm2d(32), nn.Linear(64, 128))
    noisy = noisy_weights(model, 0.3)
    assert set(noisy) == {"0.weight", "2.weight"}
    for name, weights in noisy.items():
        weight = model.get_parameter(name).detach()
        # Of 2304 draws and more the deviation is known to 1.5 %.
        assert (weights - weight).std().item() == pytest.approx(0.3 * weight.std().item(), rel=0.08)
    changes = [noisy["0.weight"] - model[0].weight, noisy["2.weight"] - model[2].weight]
    assert not torch.allclose(changes[0].flatten()[:9] / changes[0].std(), changes[1].flatten()[:9] / changes[1].std())


def test_weight_noise_follows_seed_and_draw() -> None:
    model = nn.Linear(16, 16)
    first, again, draw, seed = (
        noisy_weights(model, 0.1, **words)["weight"] for words in ({}, {}, {"draw": 1}, {"seed": 1})
    )
    assert torch.equal(first, again)
    assert not any(torch.equal(first, other) for other in (draw, seed))
    stronger = noisy_weights(model, 0.2)["weight"] - model.weight
    torch.testing.assert_close(stronger, 2 * (first - model.weight))


def test_noisy_weights_leave_the_model_alone_even_after_an_error() -> None:
    model = smallest()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = random_input(model, 2)
    clean = model(x)
    assert not torch.equal(functional_call(model, noisy_weights(model, 0.5), (x,)), clean)
    with pytest.raises(InputError):
        functional_call(model, noisy_weights(model, 0.5), (x[:, :1, :, :0],))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(model(x), clean)
