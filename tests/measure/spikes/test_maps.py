"""Firing maps: the mean over the channels of what every neuron layer emits, place by place."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spikeformers.errors import InputError
from spikeformers.measure import firing, firing_maps
from tests.models.tiny import random_input, smallest, tiny_model


@pytest.mark.parametrize(
    ("name", "neuron"),
    [
        ("spikingformer_2_256.cifar10dvs", "ternary"),
        ("sdt_2_256.cifar10dvs", "lif"),
        ("spikformer_4_384.cifar10", "gelu"),
    ],
)
def test_is_the_mean_of_the_outputs_over_channels(name: str, neuron: str) -> None:
    model = tiny_model(name, neuron=neuron)
    x = random_input(model, 1)
    outputs: list[np.ndarray] = []
    handles = [
        module.register_forward_hook(lambda module, inputs, out: outputs.append((out / module.values.scale).numpy()))
        for _, module in model.named_neurons()
    ]
    maps = firing_maps(model, x)
    for handle in handles:
        handle.remove()
    assert [each.name for each in maps] == [row.name for row in firing(model, x)]
    for each, output in zip(maps, outputs, strict=True):
        spikes = (output != 0) if neuron == "gelu" else abs(output)
        expected = spikes[:, 0].mean(1)  # [T, ...]
        assert each.rate.ndim == 3
        np.testing.assert_allclose(each.rate.ravel(), expected.ravel(), rtol=1e-6)
    assert any(each.rate.any() for each in maps)
    assert {len(each.rate) for each in maps} == {model.config.time_steps}


def test_one_sample_and_json() -> None:
    model = smallest()
    with pytest.raises(InputError, match=r"got 2\. Take one with x\[:1\]"):
        firing_maps(model, random_input(model, 2))
    told = firing_maps(model, random_input(model, 1))[0].to_dict()
    assert json.loads(json.dumps(told))["name"] == told["name"]
