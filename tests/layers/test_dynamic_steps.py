"""Neurons that learn at which time steps they put anything out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers import LIF, DynamicSteps, Memory, Neuron, Vocabulary, across_samples
from spikeformers.layers.dynamic_steps import with_dynamic_steps

T = 4
RULES = ("integrate", "skip")
NEURONS = ("lif", "plif", "if", "ternary", "integer", "pliaf", "sliding_psn", "klif", "clif")


def build(rule: str, live: str = "1111", neuron: str = "lif") -> DynamicSteps:
    vocabulary = Vocabulary(neuron=neuron, time_steps=T, dynamic_steps=rule)  # type: ignore[arg-type]
    built = vocabulary.build_neuron()
    assert isinstance(built, DynamicSteps)
    with torch.no_grad():
        built.scores.copy_(torch.tensor([1.0 if step == "1" else -1.0 for step in live]))
    return built


def current() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(T, 2, 3, 5).double() * 2 + 0.5


def plain(neuron: str = "lif") -> Neuron:
    return Vocabulary(neuron=neuron, time_steps=T).build_neuron()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("training", [True, False])
def test_all_ones_is_the_neuron_bit_for_bit(rule: str, neuron: str, training: bool) -> None:
    built, x = build(rule, neuron=neuron).train(training), current()
    assert built.values == plain(neuron).values
    assert torch.equal(built(x), plain(neuron)(x))
    assert (built.scores >= 0).all()


def test_they_start_with_all_masks_one_and_are_one_neuron() -> None:
    built = Vocabulary(time_steps=T, dynamic_steps="integrate").build_neuron()
    assert isinstance(built, LIF)
    assert isinstance(built, DynamicSteps)
    assert built.live_steps() == (0, 1, 2, 3)
    assert [module for module in built.modules() if isinstance(module, Neuron)] == [built]
    assert list(dict(built.named_parameters())) == ["scores"]


@pytest.mark.parametrize("neuron", NEURONS)
def test_masked_steps_are_integrated_or_not_seen(neuron: str) -> None:
    x, reference = current(), plain(neuron)
    masked = build("integrate", "1010", neuron)(x)
    assert torch.equal(masked[[0, 2]], reference(x)[[0, 2]])
    assert not masked[[1, 3]].any()
    for training in (False, True):
        skipped = build("skip", "1010", neuron).train(training)(x)
        assert torch.equal(skipped[[0, 2]], reference(x[[0, 2]]))
        assert not skipped[[1, 3]].any()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("live", ["1111", "0110", "1001", "0000"])
@pytest.mark.parametrize("neuron", NEURONS)
def test_a_stream_equals_all_at_once(rule: str, live: str, neuron: str) -> None:
    built, x = build(rule, live, neuron).eval(), current()
    state, steps = Memory({}), []
    for x_t in x.split(1):
        steps.append(built(x_t, state))
        state = Memory(state.after)
    assert torch.equal(torch.cat(steps), built(x))
    with pytest.raises(InputError, match="time_steps = 4 steps and got 5"):
        built(x[:1], state)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("live", ["1111", "0110", "0000"])
def test_the_gradient_of_a_mask_is_what_its_spikes_are_worth(rule: str, live: str) -> None:
    """d loss / d score[t] = sum of d loss / d out[t] times the spikes the neuron makes of all steps."""
    built, x = build(rule, live).train(), current()
    weights = torch.rand_like(x)
    (built(x) * weights).sum().backward()
    assert built.scores.grad is not None
    expected = (plain()(x) * weights).flatten(1).sum(1)
    torch.testing.assert_close(built.scores.grad.double(), expected, rtol=1e-5, atol=1e-6)  # scores are float32
    assert (built.scores.grad > 0).all()


def test_other_time_steps_than_built_for_are_refused() -> None:
    with pytest.raises(InputError, match="time_steps = 4 steps and got 3"):
        build("integrate")(current()[:3])


@pytest.mark.parametrize("neuron", ["psn", "psn(causal=true)", "glif"])
def test_a_neuron_with_weights_for_each_step_cannot_skip_some(neuron: str) -> None:
    with pytest.raises(ConfigError, match='dynamic_steps = "integrate"'):
        build("skip", neuron=neuron)
    assert build("integrate", "1010", neuron)(current())[[1, 3]].any().logical_not()


def test_steps_are_not_samples() -> None:
    with pytest.raises(ConfigError, match="dynamic_steps needs to know"):
        across_samples(build("integrate"))


def test_what_it_would_do_from_rest_is_said_of_the_steps_it_sees() -> None:
    x = current()
    analog = with_dynamic_steps(plain("pliaf"), T, skips=True)
    assert isinstance(analog, DynamicSteps)
    analog.scores.data = torch.tensor([1.0, -1.0, 1.0, 1.0])
    resets, expected = analog.reset_spikes(x), plain("pliaf").reset_spikes(x[[0, 2, 3]])
    assert resets is not None
    assert expected is not None
    assert torch.equal(resets[[0, 2, 3]], expected)
    assert not resets[1].any()
    potentials, reference = build("skip", "1011").potentials(x), plain().potentials(x[[0, 2, 3]])
    assert potentials is not None
    assert reference is not None
    assert torch.equal(potentials[[0, 2, 3]], reference)
    assert build("skip", neuron="integer").reset_spikes(x) is None
