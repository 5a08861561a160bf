"""Firing counts: equal to sums by hand, exact, in order of execution, and leaving no trace in the model."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import InputError
from spikeformers.layers import Memory, Neuron, Values, integers, register_neuron
from spikeformers.measure import Firing, firing
from spikeformers.models import Spikformer, SpikingModel
from tests.models.tiny import random_input, tiny_model

STATIC, EVENTS = "spikformer_4_384.cifar10", "spikingformer_2_256.cifar10dvs"


def outputs_by_hand(model: SpikingModel, x: Tensor) -> list[tuple[str, Tensor]]:
    """What every neuron emits, call after call."""
    names = {neuron: name for name, neuron in model.named_neurons()}
    seen: list[tuple[str, Tensor]] = []
    handles = [
        neuron.register_forward_hook(lambda module, inputs, out: seen.append((names[module], out))) for neuron in names
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("name", [STATIC, EVENTS])
@pytest.mark.parametrize("neuron", ["lif", "if", "plif", "ternary", "integer"])
def test_counts_are_the_sums_of_the_outputs(name: str, neuron: str) -> None:
    model = tiny_model(name, neuron=neuron)
    x = random_input(model, 3)
    rows, expected = firing(model, x), outputs_by_hand(model, x)
    assert [row.name for row in rows] == [layer for layer, _ in expected]
    for row, (_, output) in zip(rows, expected, strict=True):
        assert row.spikes == sum(map(int, counted(output, neuron).flatten().tolist()))
        assert type(row.spikes) is int
        assert row.elements == output.numel()
        assert row.reset_spikes is None
    assert any(row.spikes for row in rows)


@pytest.mark.parametrize("name", [STATIC, EVENTS])
def test_elements_count_time_batch_channels_and_positions(name: str) -> None:
    model = tiny_model(name)
    rows = {row.name: row for row in firing(model, random_input(model, 3))}
    T, dim, N = model.config.time_steps, 32, 4
    assert rows["blocks.0.attention.q.neuron"].elements == T * 3 * dim * N
    hidden = "blocks.0.mlp.expand.neuron" if name == STATIC else "blocks.0.mlp.contract.neuron"
    assert rows[hidden].elements == T * 3 * 2 * dim * N
    first = rows["tokenizer.stages.0.neuron" if name == STATIC else "tokenizer.stages.1.neuron"]
    side = model.config.image_size[0]
    assert first.elements == T * 3 * dim // 8 * side**2


def test_rows_come_in_the_order_of_execution() -> None:
    rows = firing(model := tiny_model(STATIC, depth=1), random_input(model, 2))
    assert [row.name for row in rows] == [
        *(f"tokenizer.stages.{i}.neuron" for i in range(4)),
        "tokenizer.position.neuron",
        *(f"blocks.0.attention.{part}.neuron" for part in "qkv"),
        "blocks.0.attention.neuron",
        "blocks.0.attention.projection.neuron",
        "blocks.0.mlp.expand.neuron",
        "blocks.0.mlp.contract.neuron",
    ]


def test_official_names_follow_the_form() -> None:
    rows = firing(model := tiny_model(STATIC), random_input(model, 2))
    theirs = {row.name: row.official_name for row in rows}
    assert theirs["tokenizer.stages.0.neuron"] == "patch_embed.proj_lif"
    assert theirs["blocks.1.attention.neuron"] == "block.1.attn.attn_lif"
    assert len(set(theirs.values())) == len(rows)
    assert None not in theirs.values()
    rows = firing(model := tiny_model(EVENTS), random_input(model, 2))
    assert {row.name: row.official_name for row in rows}["blocks.1.attention.input_neuron"] == "block.1.attn.proj_lif"


def test_without_a_form_there_are_no_official_names() -> None:
    model = Spikformer.from_words({"dim": 16, "heads": 2, "depth": 1, "image_size": [8, 8]})
    assert {row.official_name for row in firing(model, torch.randn(1, 3, 8, 8))} == {None}


class Saturated(Neuron):
    """Always fires its largest integer."""

    values: Values = integers(3)

    def __init__(self, **words: Any) -> None:
        super().__init__()

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        return torch.full_like(x, 3) * self.values.scale


class Tenths(Saturated):
    """Its integers come times a tenth."""

    values = integers(3).scaled(0.1)


@pytest.fixture
def own_neurons(monkeypatch: pytest.MonkeyPatch) -> None:
    register_neuron("saturated", Saturated)
    register_neuron("tenths", Tenths)


@pytest.mark.usefixtures("own_neurons")
def test_counts_are_exact_where_float32_is_not() -> None:
    elements = 2**24 // 3 + 2
    total = 3 * elements
    assert total > 2**24
    assert float(torch.tensor(total, dtype=torch.float32)) != total
    model = Spikformer.from_words({"neuron": "saturated", "dim": 16, "heads": 2, "depth": 1, "time_steps": 1})
    neuron = next(neuron for _, neuron in model.named_neurons())
    model.forward = lambda x: neuron(torch.zeros(1, elements))  # type: ignore[method-assign]
    (row,) = firing(model, torch.zeros(1, 3, 32, 32))
    assert (row.spikes, row.elements) == (total, elements)


@pytest.mark.usefixtures("own_neurons")
def test_scaled_integers_are_counted_before_their_scale() -> None:
    model = Spikformer.from_words({"neuron": "tenths", "dim": 16, "heads": 2, "depth": 1, "time_steps": 1})
    for row in firing(model, torch.randn(1, 3, 32, 32)):
        assert row.spikes == 3 * row.elements


def test_analog_neurons_have_a_real_sum_and_reset_spikes() -> None:
    model = tiny_model(STATIC, neuron="pliaf").double()
    x = random_input(model, 2)
    inputs: list[Tensor] = []
    handles = [
        neuron.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
        for _, neuron in model.named_neurons()
    ]
    expected = outputs_by_hand(model, x)
    for handle in handles:
        handle.remove()
    neurons = dict(model.named_neurons())
    rows = firing(model, x)
    for row, (layer, output), current in zip(rows, expected, inputs, strict=True):
        assert type(row.spikes) is float
        assert row.spikes == pytest.approx(math.fsum(output.flatten().tolist()), rel=1e-12)
        resets = neurons[layer].reset_spikes(current)
        assert resets is not None
        assert row.reset_spikes == int(resets.sum())
        assert type(row.reset_spikes) is int
    assert any(row.reset_spikes for row in rows)


def test_event_frames_bring_their_own_time_steps() -> None:
    model = tiny_model(EVENTS)
    x = random_input(model, 2)
    short = x[:, :2]
    for once, twice in zip(firing(model, short), firing(model, x), strict=True):
        assert twice.elements * 2 == once.elements * x.shape[1]
        assert twice.spikes >= once.spikes  # what fired first fires again


# ---- leaving no trace ----------------------------------------------------------------------------------------------


def hooks(model: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training: bool) -> None:
    model = tiny_model(STATIC).train(training)
    weights = {name: parameter.clone() for name, parameter in model.named_parameters()}
    x = random_input(model, 2)
    firing(model, x)
    assert model.training is training
    assert hooks(model) == 0
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, weights[name])
        assert parameter.grad is None
    assert model(x).requires_grad


def test_hooks_are_removed_also_when_the_input_is_wrong() -> None:
    model = tiny_model(STATIC)
    with pytest.raises(InputError):
        firing(model, torch.zeros(1, 1, 8, 8))
    assert hooks(model) == 0


def test_hooks_are_removed_also_when_a_layer_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(STATIC)
    monkeypatch.setattr(model.head, "forward", lambda features: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        firing(model, random_input(model, 2))
    assert hooks(model) == 0


def test_two_measurements_are_equal() -> None:
    model = tiny_model(STATIC)
    x = random_input(model, 2)
    assert firing(model, x) == firing(model, x)


# ---- the result ----------------------------------------------------------------------------------------------------


def test_a_result_is_plain_data() -> None:
    row = Firing(name="a.neuron", official_name="b.lif", spikes=3, elements=12)
    assert row.rate == 0.25
    assert row.to_dict() == {
        "name": "a.neuron",
        "official_name": "b.lif",
        "spikes": 3,
        "elements": 12,
        "reset_spikes": None,
        "rate": 0.25,
    }
    with pytest.raises(AttributeError):
        row.spikes = 4  # type: ignore[misc]


def counted(output: Tensor, neuron: str) -> Tensor:
    """A spike of either sign of a ternary neuron is one spike."""
    return output.abs() if neuron == "ternary" else output


@pytest.mark.parametrize("neuron", ["lif", "ternary", "pliaf"])
def test_rates_are_means(neuron: str) -> None:
    model = tiny_model(STATIC, neuron=neuron)
    x = random_input(model, 2)
    for row, (_, output) in zip(firing(model, x), outputs_by_hand(model, x), strict=True):
        assert row.rate == pytest.approx(float(counted(output, neuron).double().mean()), rel=1e-9, abs=1e-12)


def test_looking_in_training_mode_moves_no_running_statistics() -> None:
    model = tiny_model(STATIC).train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    firing(model, random_input(model, 2))
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    assert model.training
