"""A neuron whose time runs through the samples of a batch, against a neuron over one long time axis."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from spikeformers.errors import NotStreamable
from spikeformers.layers import LIF, PLIAF, PLIF, Memory, SpikeFiringApproximation, across_samples

T, B, C, N = 3, 4, 2, 5


def current(seed: int = 0) -> Tensor:
    return 2 * torch.randn(T, B, C, N, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(x: Tensor) -> tuple[Tensor, Tensor]:
    """tau 2, threshold 1, hard reset: spikes and the potentials before firing, frame after frame, time-major."""
    v, spikes, potentials = torch.zeros(C, N, dtype=x.dtype), torch.zeros_like(x), torch.zeros_like(x)
    for t in range(T):
        for b in range(B):
            h = v + (x[t, b] - v) / 2
            potentials[t, b] = h
            spikes[t, b] = h >= 1
            v = h * (h < 1)
    return spikes, potentials


def test_the_potential_goes_on_from_sample_to_sample() -> None:
    neuron, x = across_samples(LIF()), current()
    spikes, potentials = by_hand(x)
    assert torch.equal(neuron(x), spikes)
    assert torch.equal(neuron.potentials(x), potentials)
    assert not torch.equal(LIF()(x), spikes)


def test_a_sample_alone_is_as_without() -> None:
    x = current()[:, :1]
    assert torch.equal(across_samples(LIF())(x), LIF()(x))


def test_gradients_reach_the_samples_in_front() -> None:
    x = current().requires_grad_()
    across_samples(LIF(detach_reset=False))(x)[0, 1].sum().backward()
    assert x.grad is not None
    assert x.grad[0, 0].any()
    assert not x.grad[0, 2:].any()
    assert not x.grad[1:].any()


def test_an_analog_neuron_counts_the_spikes_that_reset_it_in_the_same_order() -> None:
    neuron, plain, x = across_samples(PLIAF()), PLIAF(), current()
    long = x.flatten(0, 1).unsqueeze(1)
    assert torch.equal(neuron.reset_spikes(x), plain.reset_spikes(long).view(x.shape))
    assert not torch.equal(neuron.reset_spikes(x), plain.reset_spikes(x))


def test_it_keeps_its_class_parameters_and_copies() -> None:
    neuron = PLIF(tau=3.0)
    before = dict(neuron.named_parameters())
    assert across_samples(neuron) is neuron
    assert isinstance(neuron, PLIF)
    assert dict(neuron.named_parameters()) == before
    x = current().float()
    assert torch.equal(copy.deepcopy(neuron)(x), neuron(x))
    assert "across samples" in repr(neuron)


def test_it_cannot_be_streamed() -> None:
    with pytest.raises(NotStreamable, match="per_sample"):
        across_samples(LIF())(current()[:1], Memory({}))


def test_what_remembers_nothing_is_left_as_it_is() -> None:
    assert type(across_samples(SpikeFiringApproximation())) is SpikeFiringApproximation
