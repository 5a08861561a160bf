"""Rasters: the chosen neurons' own outputs, a choice that is repeatable and in bounds."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from spikeformers.errors import InputError
from spikeformers.measure import firing, rasters
from tests.models.tiny import random_input, smallest, tiny_model

STATIC, EVENTS = "spikformer_4_384.cifar10", "spikingformer_2_256.cifar10dvs"
MASKS, INTEGERS = "sdt_2_256.cifar10dvs", "e_spikeformer_19m.imagenet"


@pytest.mark.parametrize(
    ("name", "neuron"),
    [(STATIC, "lif"), (EVENTS, "ternary"), (MASKS, "plif"), (INTEGERS, "sfa"), (STATIC, "pliaf"), (STATIC, "gelu")],
)
def test_shows_what_the_chosen_neurons_emit(name: str, neuron: str) -> None:
    model = tiny_model(name, neuron=neuron, **({"image_size": [64, 64]} if name == INTEGERS else {}))
    x = random_input(model, 1)
    outputs: list[np.ndarray] = []
    handles = [
        module.register_forward_hook(lambda module, inputs, out: outputs.append((out / module.values.scale).numpy()))
        for _, module in model.named_neurons()
    ]
    shown = rasters(model, x, neurons=20)
    for handle in handles:
        handle.remove()
    assert [raster.name for raster in shown] == [row.name for row in firing(model, x)]
    for raster, output in zip(shown, outputs, strict=True):
        T, _, C = output.shape[:3]
        flat = output.reshape(T, C, -1)
        assert raster.neurons == flat[0].size
        assert raster.spikes.shape == (T, min(20, raster.neurons))
        places = list(zip(raster.channels, raster.positions, strict=True))
        assert places == sorted(set(places))
        for n, (channel, position) in enumerate(places):
            # Integers are taken before their scale, which costs a rounding.
            np.testing.assert_allclose(raster.spikes[:, n], flat[:, channel, position], rtol=1e-6)
        assert raster.spikes.dtype.kind == ("f" if raster.values == "real" else "i")
    assert any(raster.spikes.any() for raster in shown)
    if neuron == "ternary":
        assert min(raster.spikes.min() for raster in shown) == -1
    if neuron == "sfa":
        assert max(raster.spikes.max() for raster in shown) > 1


def test_a_small_layer_is_shown_whole() -> None:
    model = smallest()
    for raster in rasters(model, random_input(model, 1), neurons=10**6):
        positions = raster.neurons // (max(raster.channels) + 1)
        assert list(zip(raster.channels, raster.positions, strict=True)) == [
            divmod(n, positions) for n in range(raster.neurons)
        ]


def test_the_choice_is_repeatable_and_the_seeds() -> None:
    model = smallest()
    x, y = random_input(model, 1), random_input(model, 1)
    drawn = [rasters(model, image, seed=seed) for image, seed in ((x, 0), (y, 0), (x, 1))]
    places = [[(raster.channels, raster.positions) for raster in shown] for shown in drawn]
    assert places[0] == places[1] != places[2]
    # Queries and keys have one size, and neurons of their own are drawn for each.
    shown = {raster.name: (raster.neurons, raster.positions) for raster in rasters(model, x, neurons=9)}
    q, k = (shown[f"blocks.0.attention.{name}.neuron"] for name in "qk")
    assert q[0] == k[0] > 9
    assert q[1] != k[1]


def test_every_neuron_is_as_likely() -> None:
    """300 draws of 8 out of 64: each is expected 37.5 times with a deviation of 5.7; five of those are allowed."""
    model = smallest()
    x = random_input(model, 1)
    drawn = np.zeros(64)
    for seed in range(300):
        raster = next(one for one in rasters(model, x, neurons=8, seed=seed) if one.neurons == 64)
        np.add.at(drawn, np.multiply(raster.channels, 4) + raster.positions, 1)
    assert drawn.sum() == 2400
    assert abs(drawn - 37.5).max() < 5 * 5.7


def test_one_sample_and_at_least_one_neuron() -> None:
    model = smallest()
    with pytest.raises(InputError, match=r"one sample, got 2.*x\[:1\]"):
        rasters(model, random_input(model, 2))
    with pytest.raises(InputError, match="at least one neuron"):
        rasters(model, random_input(model, 1), neurons=0)


def test_a_result_is_plain_data_and_the_model_is_left_alone() -> None:
    model = smallest().train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    (raster, *_) = rasters(model, random_input(model, 1), neurons=3)
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    plain = json.loads(json.dumps(raster.to_dict()))
    assert plain["spikes"] == raster.spikes.tolist()
    assert (plain["values"], len(plain["channels"]), plain["neurons"]) == ("binary", 3, raster.neurons)
