"""Dead and saturated channels: equal to counts by hand, exact, and leaving no trace in the model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.layers import REAL, Memory, Neuron, Values, integers
from spikeformers.measure import Activity, activity, firing, summary
from spikeformers.models import SpikingModel
from tests.models.tiny import random_input, smallest, tiny_model

STATIC, EVENTS = "spikformer_4_384.cifar10", "spikingformer_2_256.cifar10dvs"


class Fixed(Neuron):
    """Emits the same tensor whatever comes in."""

    def __init__(self, output: Tensor, values: Values) -> None:
        super().__init__()
        self.output, self.values = output, values

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        return self.output


def seen(output: Tensor, values: Values) -> Activity:
    """What `activity` says of a single layer with that output."""
    model, neuron = smallest(), Fixed(output, values)
    model.named_neurons = lambda: iter([("only", neuron)])  # type: ignore[method-assign]
    model.forward = lambda x: neuron(x)  # type: ignore[method-assign]
    (row,) = activity(model, torch.zeros(1))
    return row


def outputs_by_hand(model: SpikingModel, x: Tensor) -> list[Tensor]:
    """What every neuron emits, call after call."""
    outputs: list[Tensor] = []
    handles = [
        neuron.register_forward_hook(lambda module, inputs, out: outputs.append(out))
        for _, neuron in model.named_neurons()
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return outputs


@pytest.mark.parametrize("name", [STATIC, EVENTS])
@pytest.mark.parametrize(("neuron", "most"), [("lif", 1), ("plif", 1), ("ternary", 1), ("integer", 4), ("pliaf", None)])
def test_equals_a_walk_over_the_channels(name: str, neuron: str, most: int | None) -> None:
    model = tiny_model(name, neuron=neuron)
    x = random_input(model, 3)
    rows, outputs = activity(model, x), outputs_by_hand(model, x)
    assert [row.name for row in rows] == [row.name for row in firing(model, x)]
    for row, output in zip(rows, outputs, strict=True):
        channels = [output[:, :, c].flatten().abs().tolist() for c in range(output.shape[2])]
        fired = [[value != 0 for value in channel] if most is None else channel for channel in channels]
        assert row.spikes == sum(map(sum, fired))
        assert (row.elements, row.channels) == (output.numel(), len(channels))
        assert row.dead == sum(not any(channel) for channel in channels)
        assert row.saturated == sum(all(value == most for value in channel) for channel in channels)
    assert any(row.spikes for row in rows)
    assert any(0 < row.dead < row.channels for row in rows) or neuron == "pliaf"


CHANNELS = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])  # [C, T]: dead, alive, saturated


@pytest.mark.parametrize("shape", [(3, 2, 3), (3, 2, 3, 5), (3, 2, 3, 4, 4)], ids=["TBC", "TBCN", "TBCHW"])
@pytest.mark.parametrize(
    ("values", "factor", "saturated"),
    [
        (Values("binary", 1), 1, 1),
        (Values("ternary", 1, signed=True), -1, 1),
        (integers(3), 3, 1),
        (integers(3), 2, 0),
        (integers(3).scaled(0.1), 0.1 * 3, 1),
        (integers(None), 3, 0),
        (REAL, 0.25, 0),
        (REAL, -7, 0),
    ],
)
def test_what_counts_as_dead_and_saturated(
    shape: tuple[int, ...], values: Values, factor: float, saturated: int
) -> None:
    output = (CHANNELS.T.reshape(3, 1, 3, *[1] * (len(shape) - 3)) * factor).expand(shape)
    row = seen(output, values)
    assert (row.channels, row.dead, row.saturated) == (3, 1, saturated)
    one = 1 if values.kind == "real" else round(abs(factor) / values.scale)
    assert row.spikes == one * 4 * output.numel() // 9
    assert row.elements == output.numel()


def test_one_spike_is_life_and_one_pause_is_rest() -> None:
    output = torch.stack([torch.zeros(4, 3, 7), torch.ones(4, 3, 7)], dim=2)
    assert (seen(output, Values("binary", 1)).dead, seen(output, Values("binary", 1)).saturated) == (1, 1)
    output[3, 2, 0, 6], output[3, 2, 1, 6] = 1, 0
    row = seen(output, Values("binary", 1))
    assert (row.dead, row.saturated, row.spikes) == (0, 0, 4 * 3 * 7)


def test_counts_are_exact_where_float32_is_not() -> None:
    output = torch.ones(1, 1, 1, 2**24 + 3)
    output[..., 0] = 0
    assert float(torch.tensor(2**24 + 2 + 1, dtype=torch.float32)) != 2**24 + 3
    assert seen(output, Values("binary", 1)).spikes == 2**24 + 2


# ---- a whole model -------------------------------------------------------------------------------------------------


def test_the_summary_weighs_layers_by_their_size() -> None:
    layers = [
        Activity(name="a", spikes=3, elements=10, channels=4, dead=1, saturated=0),
        Activity(name="b", spikes=12, elements=30, channels=12, dead=3, saturated=2),
    ]
    assert [layer.rate for layer in layers] == [0.3, 0.4]
    assert summary(layers) == (15 / 40, 4 / 16, 2 / 16)
    assert summary(layers).dead == 0.25
    assert summary([]) == (0.0, 0.0, 0.0)


def test_a_threshold_no_potential_reaches_leaves_everything_dead() -> None:
    model = smallest(v_threshold=1e6, attention_v_threshold=1e6)
    assert summary(activity(model, random_input(model, 2))) == (0.0, 1.0, 0.0)


def test_a_result_is_plain_data() -> None:
    row = Activity(name="a", spikes=3, elements=12, channels=4, dead=1, saturated=0)
    assert row.to_dict() == {
        "name": "a",
        "spikes": 3,
        "elements": 12,
        "channels": 4,
        "dead": 1,
        "saturated": 0,
        "rate": 0.25,
    }


# ---- leaving no trace ----------------------------------------------------------------------------------------------


def snapshot(model: nn.Module) -> dict[str, Any]:
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return {**state, "modes": torch.tensor([module.training for module in model.modules()])}


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training: bool) -> None:
    model = tiny_model(STATIC).train(training)
    model.blocks[0].eval()  # type: ignore[index, operator]
    before = snapshot(model)
    assert activity(model, x := random_input(model, 2)) == activity(model, x)
    after = snapshot(model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
