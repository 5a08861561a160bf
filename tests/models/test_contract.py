"""The contract every model of the catalogue keeps, each in tiny width."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import spikeformers
from spikeformers.errors import NotStreamable
from spikeformers.layers import DescribesItself, Neuron, Unused
from spikeformers.layers.embedding import SpaceTimeEmbedding
from spikeformers.layers.neurons import LIF, Activation, SpikeFiringApproximation
from spikeformers.models import SpikingModel
from spikeformers.ops import Surrogate
from tests.models.tiny import fitting, random_input, tiny_model

NAMES = spikeformers.list_models()
# Sizes of one form differ in numbers only, and tiny they are the same model: one of each form will do.
FORMS = sorted({(r.system, r.variant, r.builds): r.name for r in map(spikeformers.catalog.get, NAMES)}.values())

STATELESS = (Activation, SpikeFiringApproximation)

every_model = pytest.mark.parametrize("name", NAMES)
every_form = pytest.mark.parametrize("name", FORMS)
# Spikeformer attends and pools over time.
every_streaming_form = pytest.mark.parametrize("name", [name for name in FORMS if not name.startswith("spikeformer_")])
every_other_form = pytest.mark.parametrize("name", [name for name in FORMS if name.startswith("spikeformer_")])


def step_by_step(model: SpikingModel, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits of each time step [T, B, K] and the last state's tensors."""
    frames = x.unbind(1) if x.dim() == 5 else [x] * model.config.frames
    state = model.initial_state(len(x))
    steps = []
    for frame in frames:
        before = dict(state.tensors)
        logits, after = model.step(frame, state)
        assert state.tensors == before
        steps.append(logits)
        state = after
    return torch.stack(steps), state.tensors


@every_form
def test_shapes_for_two_input_sizes_and_true_strides(name: str) -> None:
    model = tiny_model(name)
    for tokens in ((2, 2), (3, 1)):
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


def live_parameters(model: SpikingModel) -> Iterator[tuple[str, nn.Parameter]]:
    """All but those that released models carry in vain."""
    unused = {p for module in model.modules() if isinstance(module, Unused) for p in module.parameters()}
    for name, parameter in model.named_parameters():
        if parameter in unused:
            assert parameter.grad is None
        else:
            yield name, parameter


def awake(name: str) -> SpikingModel:
    """The tiny model in training mode, with spikes in every layer.

    At this width and with few tokens published scales and thresholds leave neurons silent, and what follows without a
    gradient.
    """
    hybrid = name.startswith("spikeformer_")  # its MLP's neuron sees a linear that starts at a fiftieth
    words = fitting(name, attention_scale=1.0, attention_v_threshold=0.25)
    model = tiny_model(name, **words, v_threshold=0.1 if hybrid else 1.0).train()
    for _, parameter in live_parameters(model):
        if parameter.dim() > 1 and not parameter.any():
            nn.init.normal_(parameter, std=0.1)  # a linear that starts at zero hides what is in front of it
    return model


def assert_every_live_parameter_learns(model: SpikingModel) -> None:
    for parameter_name, parameter in live_parameters(model):
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        # A bias in front of a norm moves nothing but the mean the norm takes away, one in front of a softmax nothing.
        dead = parameter_name.endswith("linear.bias") and not parameter_name.startswith("head")
        if not dead and parameter_name != "head.score.bias":
            assert parameter.grad.abs().sum() > 0, parameter_name


@every_form
def test_every_live_parameter_gets_a_gradient(name: str) -> None:
    model = awake(name)
    outputs = model.forward_heads(random_input(model, 4, (4, 4)))
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
    assert set(state) == remembering


@every_form
def test_declared_values_hold(name: str) -> None:
    model = tiny_model(name)
    seen = _observe_declared_values(model, random_input(model, 4))
    assert seen
    assert all(seen.values()), [op for op, held in seen.items() if not held]


def _observe_declared_values(model: SpikingModel, x: Tensor) -> dict[str, bool]:
    """Whether each operand of each operation held what it was declared to hold."""
    held: dict[str, bool] = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def record(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            assert isinstance(module, DescribesItself)
            spec = module.op_spec()
            assert len(spec.inputs) == len(inputs)
            held[name] = all(values.hold(x) for values, x in zip(spec.inputs, inputs, strict=True))

        return record

    modules = dict(model.named_modules())
    operations = [name for name, module in modules.items() if isinstance(module, DescribesItself)]
    handles = [modules[name].register_forward_pre_hook(watch(name)) for name in operations]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    assert set(held) == set(operations), "an operation was never run"
    return held


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
@pytest.mark.parametrize("neuron", ["if", "plif", "pliaf", "ternary", "integer", "relu"])
def test_any_neuron_by_one_word(name: str, neuron: str) -> None:
    model = tiny_model(name, neuron=neuron)
    x = random_input(model, 2)
    assert model(x).isfinite().all()
    assert all(_observe_declared_values(model, x).values())
    if not name.startswith("spikeformer_"):
        x = x.double()
        steps, _ = step_by_step(model.double(), x)
        torch.testing.assert_close(steps, model.forward_steps(x), rtol=0, atol=1e-12)


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
    assert all(_observe_declared_values(model.eval(), x).values())


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


@every_form
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
