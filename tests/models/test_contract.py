"""The contract every model of the catalogue keeps, each in tiny width."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import spikeformers
from spikeformers.errors import NotStreamable
from spikeformers.layers import DescribesItself, Neuron, StepByStep, Unused
from spikeformers.layers.embedding import SpaceTimeEmbedding
from spikeformers.layers.neurons import LIF, Activation, SpikeFiringApproximation
from spikeformers.ops import Surrogate
from tests.models.contract import (
    assert_every_live_parameter_learns,
    awake,
    every_form,
    every_form_in_time,
    every_model,
    every_other_form,
    every_streaming_form,
    live_parameters,
    observe_declared_values,
    step_by_step,
)
from tests.models.tiny import fitting, much_input, random_input, tiny_model, token_maps

STATELESS = (Activation, SpikeFiringApproximation)


@every_form
def test_shapes_for_two_input_sizes_and_true_strides(name: str) -> None:
    model = tiny_model(name)
    for tokens in token_maps(model):
        x = random_input(model, 2, tokens)
        T, (H, W) = model.config.time_steps, x.shape[-2:]
        assert model(x).shape == (2, 5)
        assert model.forward_steps(x).shape == (T, 2, 5)
        assert model.forward_features(x).shape == (T, 2, 32, *tokens)
        pyramid = model.forward_pyramid(x)
        assert list(pyramid) == sorted(pyramid)
        assert max(pyramid) == model.stride
        for stride, stage in pyramid.items():
            assert stage.shape[:2] == (T, 2)
            assert stage.shape[-2:] == (H // stride, W // stride)
        assert torch.equal(pyramid[model.stride], model.forward_features(x))


@every_form
def test_the_mean_over_steps_is_the_logits(name: str) -> None:
    model = tiny_model(name).double()
    x = random_input(model, 2)
    torch.testing.assert_close(model.forward_steps(x).mean(0), model(x), rtol=0, atol=1e-12)
    heads = model.forward_heads(x)
    assert torch.equal(heads["logits"], model(x))
    assert torch.equal(heads["steps"], model.forward_steps(x))


@every_form
def test_every_live_parameter_gets_a_gradient(name: str) -> None:
    model = awake(name)
    outputs = model.forward_heads(much_input(model))
    sum(output.square().sum() for output in outputs.values()).backward()
    assert_every_live_parameter_learns(model)


@every_form
def test_two_forward_passes_are_identical(name: str) -> None:
    model = tiny_model(name)
    x = random_input(model, 3)
    assert torch.equal(model(x), model(x))


@every_form
def test_a_sample_does_not_see_its_batch(name: str) -> None:
    model = tiny_model(name).double()
    x = random_input(model, 4)
    together = model(x)
    for i in range(4):
        # Matrix products of another size may add in another order: 1e-12 of float64, spikes equal.
        torch.testing.assert_close(model(x[i : i + 1])[0], together[i], rtol=0, atol=1e-12)


@every_other_form
def test_what_needs_all_time_steps_says_so(name: str) -> None:
    model = tiny_model(name)
    x = random_input(model, 2)
    with pytest.raises(NotStreamable, match="all time steps"):
        model.step(x[:, 0] if x.dim() == 5 else x, model.initial_state(2))


@every_streaming_form
def test_step_by_step_equals_all_at_once(name: str) -> None:
    model = tiny_model(name).double()
    x = random_input(model, 2)
    steps, state = step_by_step(model, x)
    torch.testing.assert_close(steps, model.forward_steps(x), rtol=0, atol=1e-12)
    remembering = {f"{word}.v" for word, neuron in model.named_neurons() if not isinstance(neuron, STATELESS)}
    remembering |= {f"{word}.y" for word, module in model.named_modules() if isinstance(module, StepByStep)}
    assert set(state) == remembering


@every_form
def test_declared_values_hold(name: str) -> None:
    model = tiny_model(name)
    seen = observe_declared_values(model, random_input(model, 4))
    assert seen
    assert all(seen.values()), [op for op, held in seen.items() if not held]


@every_form
def test_nothing_multiplies_outside_the_operations(name: str) -> None:
    """Parameters with two dimensions or more belong to a leaf that describes itself."""
    model = tiny_model(name)
    for module in model.modules():
        if isinstance(module, Unused | SpaceTimeEmbedding):  # what takes no part, and what is added
            continue
        if any(p.dim() > 1 for p in module.parameters(recurse=False)):
            assert isinstance(module, DescribesItself)
            assert not list(module.children())


@every_form
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_ann_twin_by_one_word(name: str, activation: str) -> None:
    model = tiny_model(name, ann=activation).train()
    x = random_input(model, 4)
    assert all(isinstance(neuron, Activation) for _, neuron in model.named_neurons())
    outputs = model.forward_heads(x)
    assert len(outputs["steps"]) == (x.shape[1] if x.dim() == 5 else 1)
    sum(output.square().sum() for output in outputs.values()).backward()
    for parameter_name, parameter in live_parameters(model):
        assert parameter.grad is not None, parameter_name
    assert all(observe_declared_values(model.eval(), x).values())


@every_form
@pytest.mark.parametrize("surrogate", ["atan", "rectangular", "triangle"])
def test_any_surrogate_by_one_word(name: str, surrogate: str) -> None:
    spiking = {} if spikeformers.catalog.get(name).config.get("neuron") != "sfa" else {"neuron": "lif"}
    model = tiny_model(name, surrogate=surrogate, surrogate_alpha=1.5, **spiking).train()
    for _, neuron in model.named_neurons():
        assert isinstance(neuron, LIF)
        assert neuron.dynamics.surrogate == Surrogate(surrogate, 1.5)
    model(random_input(model, 2)).sum().backward()


@every_form
def test_a_users_own_neuron_and_norm_by_one_word(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeformers.layers import Memory, register_neuron, register_norm

    class Threshold(Neuron):
        def __init__(self, v_threshold: float, **words: object) -> None:
            super().__init__()
            self.v_threshold = v_threshold

        def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
            return (x >= self.v_threshold).to(x.dtype)

    register_neuron("threshold", Threshold)
    register_norm("none", lambda channels: nn.Identity())
    model = tiny_model(name, neuron="threshold", norm="none")
    assert {type(neuron) for _, neuron in model.named_neurons()} == {Threshold}
    assert model(random_input(model, 2)).shape == (2, 5)


@every_model
def test_a_file_alone_rebuilds_the_model(name: str, tmp_path: Path) -> None:
    model = tiny_model(name)
    spikeformers.save(model, tmp_path / "model.safetensors")
    again = spikeformers.load(tmp_path / "model.safetensors")
    assert (again.name, again.system, again.variant, again.config) == (name, model.system, model.variant, model.config)
    assert not again.training
    x = random_input(model, 2)
    assert torch.equal(again(x), model(x))


@every_form_in_time
def test_export(name: str) -> None:
    # Tracing takes as long as there are layers, and the second block is traced as the first.
    model = tiny_model(name, **fitting(name, depth=1))
    x = random_input(model, 2)
    program = torch.export.export(model, (x,))
    torch.testing.assert_close(program.module()(x), model(x))


@every_model
def test_the_catalogue_counts_the_parameters_of_the_full_size(name: str) -> None:
    with torch.device("meta"):
        model = spikeformers.create_model(name)
    assert sum(p.numel() for p in model.parameters()) == spikeformers.catalog.get(name).parameters
