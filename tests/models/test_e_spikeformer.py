"""E-SpikeFormer's integers: no state, no time, their norms."""

from __future__ import annotations

import pytest
import torch

from spikeformers.errors import ConfigError
from spikeformers.layers import SpikeFiringApproximation, integers
from spikeformers.models import ESpikeFormer
from tests.models.test_pyramid import small


def test_frames_are_seen_one_by_one() -> None:
    model = small(ESpikeFormer).double()
    frames = torch.randn(2, 3, 3, 32, 32, dtype=torch.float64)
    steps = model.forward_steps(frames)
    for t in range(3):
        torch.testing.assert_close(steps[t], model(frames[:, t]), rtol=0, atol=1e-12)
    state = model.initial_state(2)
    _, state = model.step(frames[:, 0], state)
    assert state.tensors == {}


def test_the_words_of_its_neuron() -> None:
    model = small(ESpikeFormer, max_spike=2, spike_norm=8, head_spike_norm=0.5)
    neurons = dict(model.named_neurons())
    assert all(isinstance(neuron, SpikeFiringApproximation) for neuron in neurons.values())
    head = neurons.pop("head.neuron")
    assert {neuron.values for neuron in neurons.values()} == {integers(2, scale=1 / 8)}
    assert head.values == integers(2, scale=2.0)
    emitted = head(torch.tensor([[-3.0, 0.4, 0.6, 1.5, 9.0]]))
    assert emitted.tolist() == [[0.0, 0.0, 2.0, 4.0, 4.0]]


def test_the_norm_follows_the_largest_integer() -> None:
    model = small(ESpikeFormer, max_spike=3)
    assert model.stages[0].blocks[0].convolution.units[0].neuron.values == integers(3, scale=1 / 3)


def test_another_neuron_needs_none_of_them() -> None:
    model = small(ESpikeFormer, neuron="lif")
    _, state = model.step(torch.randn(1, 3, 32, 32), model.initial_state(1))
    assert len(state.tensors) == len(list(model.named_neurons()))


def test_the_scale_of_the_attention_follows_the_head() -> None:
    model = small(ESpikeFormer, dims=[4, 4, 8, 16], heads=2)
    scales = [stage.blocks[0].attention.outer.scale for stage in model.stages[3:]]
    assert scales == [pytest.approx(2 / 4**0.5), pytest.approx(2 / 8**0.5)]
    fixed = small(ESpikeFormer, attention_scale=0.5)
    assert {stage.blocks[0].attention.outer.scale for stage in fixed.stages[3:]} == {0.5}


@pytest.mark.parametrize(
    "words", [{"max_spike": 0}, {"spike_norm": 0}, {"head_spike_norm": -1}, {"attention_scale": 0}]
)
def test_words_that_make_no_neuron(words: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(words))):
        small(ESpikeFormer, **words)
