"""Firing statistics: equal to loops over every output, however the samples come, and leaving no trace in the model."""

from __future__ import annotations

import json
import math
import statistics as by_hand
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spikeformers.errors import InputError
from spikeformers.layers import REAL, Memory, Neuron, Values, integers
from spikeformers.measure import FiringStatistics, LayerFiring, activity, firing, statistics
from spikeformers.models import SpikingModel, fuse, unroll
from tests.models.tiny import random_input, smallest, tiny_model

STATIC, EVENTS = "spikformer_4_384.cifar10", "spikingformer_2_256.cifar10dvs"
MASKS, INTEGERS, PLIAF = "sdt_2_256.cifar10dvs", "e_spikeformer_19m.imagenet", "spikeformer_7_256.dvs128gesture"
META = "meta_spikeformer_55m_t4_kd.imagenet"
SMALL_IMAGE = {"image_size": [64, 64]}

Seen = list[tuple[str, Neuron, np.ndarray, np.ndarray]]


def calls_by_hand(model: SpikingModel, x: Tensor) -> Seen:
    """Name, neuron, input and output of each call."""
    seen: Seen = []
    names = {neuron: name for name, neuron in model.named_neurons()}
    handles = [
        neuron.register_forward_hook(
            lambda module, inputs, out: seen.append((names[module], module, inputs[0].numpy(), out.numpy()))
        )
        for neuron in names
    ]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return seen


def spikes_of(out: np.ndarray, values: Values) -> np.ndarray:
    if values.kind == "real":
        return (out != 0).astype(int)
    return np.abs(np.rint(out / values.scale)).astype(int)


def lif_potentials(neuron: Neuron, current: np.ndarray) -> np.ndarray:
    """Charge, fire and reset again, one time step after another, without a line of ours."""
    d = neuron.dynamics
    k = 1 / d.tau if neuron.inverse_tau is None else float(neuron.inverse_tau.detach())
    v, h = np.zeros_like(current[0]), np.empty_like(current)
    for t, x in enumerate(current):
        h[t] = v + (x - v) * k if d.decay_input and k else v - v * k + x
        if d.fire == "integer":
            fired = np.rint(np.clip(h[t] / d.v_threshold, 0, d.levels))
        else:
            fired = (h[t] >= d.v_threshold) * 1.0
            if d.fire == "ternary":
                fired -= (h[t] <= -d.v_threshold) * 1.0
        hard = np.where(fired != 0, 0.0 if d.v_reset is None else d.v_reset, h[t])
        v = h[t] - fired * d.v_threshold if d.v_reset is None else hard
    return h


def check_layer(row: LayerFiring, neuron: Neuron, current: np.ndarray, out: np.ndarray, most: int | None) -> None:
    spikes = spikes_of(out, neuron.values)
    T, B, C = spikes.shape[:3]
    flat = spikes.reshape(T, B, C, -1)
    positions = flat.shape[3]
    each = [[flat[:, :, c, n].ravel().tolist() for n in range(positions)] for c in range(C)]
    assert (row.values, row.time_steps, row.channels, row.positions) == (str(neuron.values), T, C, positions)
    assert (row.neurons, row.elements, row.spikes) == (C * positions, out.size, int(spikes.sum()))
    assert row.spikes_by_step == tuple(int(step.sum()) for step in spikes)
    assert row.rate_by_step == tuple(float(step.mean()) for step in spikes)
    assert row.rate_by_channel == pytest.approx([float(flat[:, :, c].mean()) for c in range(C)], rel=1e-12)
    assert row.dead_neurons == sum(not any(one) for channel in each for one in channel)
    assert row.dead_channels == sum(not any(map(any, channel)) for channel in each)
    full = [[most is not None and all(count == most for count in one) for one in channel] for channel in each]
    assert row.saturated_neurons == sum(map(sum, full))
    assert row.saturated_channels == sum(map(all, full))
    assert row.deviation == pytest.approx(by_hand.stdev(flat[:, b].mean() for b in range(B)), rel=1e-9, abs=1e-12)
    assert row.v_threshold == neuron.v_threshold
    if row.membrane is None:
        assert row.v_threshold is None
        return
    h = current if neuron.values.scale != 1 or not neuron.remembers else lif_potentials(neuron, current)
    edges = row.membrane.edges
    assert row.membrane.counts == tuple(int(((h >= low) & (h < high)).sum()) for low, high in pairwise(edges))
    assert (row.membrane.below, row.membrane.above) == (int((h < edges[0]).sum()), int((h >= edges[-1]).sum()))


@pytest.mark.parametrize(
    ("name", "neuron", "most"),
    [
        (STATIC, "lif", 1),
        (STATIC, "if", 1),
        (STATIC, "pliaf", None),
        (STATIC, "integer", 4),
        (STATIC, "relu", None),
        (STATIC, "gelu", None),
        (EVENTS, "plif", 1),
        (EVENTS, "ternary", 1),
        (MASKS, "lif", 1),
        (META, "lif", 1),
        (INTEGERS, "sfa", 4),
        (PLIAF, "plif", 1),
        (PLIAF, "pliaf", None),
    ],
)
def test_equals_loops_over_every_neuron(name: str, neuron: str, most: int | None) -> None:
    # In float64 no potential lands within a rounding of an edge but exactly on it.
    words = SMALL_IMAGE if "imagenet" in name else {}
    model = tiny_model(name, neuron=neuron, **words).double()
    x = random_input(model, 3)
    seen, calls = statistics(model, x), calls_by_hand(model, x)
    assert seen.samples == 3
    assert [row.name for row in seen.layers] == [name for name, *_ in calls]
    for row, (_, module, current, out) in zip(seen.layers, calls, strict=True):
        check_layer(row, module, current, out, module.values.highest if most is not None else None)
    assert all(row.call == 0 for row in seen.layers)
    assert sum(row.spikes for row in seen.layers)
    assert any(row.dead_neurons for row in seen.layers) or neuron in ("pliaf", "gelu")
    assert seen.rate == sum(row.spikes for row in seen.layers) / sum(row.elements for row in seen.layers)


@pytest.mark.parametrize("name", [STATIC, EVENTS, MASKS, PLIAF])
def test_agrees_with_activity_and_firing(name: str) -> None:
    model = tiny_model(name)
    x = random_input(model, 2)
    rows = statistics(model, x).layers
    for row, alive, fired in zip(rows, activity(model, x), firing(model, x), strict=True):
        assert (row.name, row.official_name) == (alive.name, fired.official_name)
        assert (row.spikes, row.elements) == (alive.spikes, alive.elements)
        assert (row.channels, row.dead_channels, row.saturated_channels) == (
            alive.channels,
            alive.dead,
            alive.saturated,
        )
        if row.values != "real":
            assert row.spikes == fired.spikes
        if row.values == "binary":
            assert row.membrane is not None
            assert row.v_threshold is not None
            assert row.membrane.reaching(row.v_threshold) == row.spikes
    assert any(row.official_name for row in rows)


# ---- batches -------------------------------------------------------------------------------------------------------


def exact(model: SpikingModel) -> SpikingModel:
    """Weights that are multiples of 1/64: sums of spikes times them are exact, in whatever order a batch is summed."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                for parameter in module.parameters():
                    parameter.copy_((parameter * 64).round() / 64)
    return model


def in_batches(x: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for first in range(0, len(x), size):
        yield x[first : first + size], torch.zeros(size)


@pytest.mark.parametrize(("name", "neuron"), [(STATIC, "lif"), (EVENTS, "ternary"), (MASKS, "plif"), (META, "integer")])
def test_how_samples_are_put_into_batches_does_not_matter(name: str, neuron: str) -> None:
    model = exact(tiny_model(name, neuron=neuron, **(SMALL_IMAGE if "imagenet" in name else {})))
    x = (random_input(model, 7) * 8).round() / 8
    whole = statistics(model, x)
    assert whole.samples == 7
    for size in (1, 3):
        assert statistics(model, in_batches(x, size)) == whole
    assert statistics(model, in_batches(torch.cat([x, x]), 4), limit=7) == whole


def test_samples_may_have_different_numbers_of_frames() -> None:
    model = exact(tiny_model(EVENTS))
    x = random_input(model, 3)  # [B, T, C, H, W]
    short, full = statistics(model, x[:1, :2]), statistics(model, x[1:])
    both = statistics(model, [x[:1, :2], x[1:]])
    for row, one, other in zip(both.layers, short.layers, full.layers, strict=True):
        assert (row.time_steps, row.elements) == (3, one.elements + other.elements)
        assert row.spikes_by_step[:2] == tuple(np.add(one.spikes_by_step, other.spikes_by_step[:2]))
        assert row.spikes_by_step[2] == other.spikes_by_step[2]
        assert row.rate_by_step[2] == other.rate_by_step[2]
        assert row.dead_neurons <= min(one.dead_neurons, other.dead_neurons)


def test_images_of_several_sizes_have_no_neurons_in_common() -> None:
    model = smallest()
    with pytest.raises(InputError, match="all images must have one size"):
        statistics(model, [random_input(model, 1), random_input(model, 1, tokens=(2, 3))])


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(InputError, match="no samples"):
        statistics(smallest(), [])
    with pytest.raises(InputError, match="at least one bin"):
        statistics(smallest(), torch.zeros(1), bins=0)


def test_progress_is_told_after_each_batch() -> None:
    model, told = smallest(), []
    statistics(model, in_batches(random_input(model, 5), 2), progress=told.append)
    assert told == [2, 4, 5]


# ---- one layer by hand ---------------------------------------------------------------------------------------------


class Fixed(Neuron):
    """Emits the same tensor whatever comes in, twice in a pass if it is called twice."""

    def __init__(self, output: Tensor, values: Values) -> None:
        super().__init__()
        self.output, self.values = output, values

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        return self.output


def seen(output: Tensor, values: Values, calls: int = 1) -> FiringStatistics:
    model, neuron = smallest(), Fixed(output, values)
    model.named_neurons = lambda: iter([("only", neuron)])  # type: ignore[method-assign]
    model.forward = lambda x: [neuron(x) for _ in range(calls)]  # type: ignore[method-assign, assignment, return-value]
    return statistics(model, torch.zeros(output.shape[1]))


# [T, C, N]: the first neuron of the second channel is alive, of the third both always fire.
CHANNELS = torch.tensor([[[0.0, 0], [1, 0], [1, 1]], [[0, 0], [0, 0], [1, 1]]])


@pytest.mark.parametrize("shape", [(2, 1, 3, 2), (2, 1, 3, 2, 1), (2, 1, 3, 1, 2)])
@pytest.mark.parametrize(
    ("values", "factor", "saturated"),
    [
        (Values("binary", 1), 1, (1, 2)),
        (Values("ternary", 1, signed=True), -1, (1, 2)),
        (integers(3), 3, (1, 2)),
        (integers(3), 2, (0, 0)),
        (integers(3).scaled(0.1), 0.1 * 3, (1, 2)),
        (integers(None), 3, (0, 0)),
        (REAL, -0.25, (0, 0)),
    ],
)
def test_what_counts_as_dead_and_saturated(
    shape: tuple[int, ...], values: Values, factor: float, saturated: tuple[int, int]
) -> None:
    (row,) = seen(CHANNELS.reshape(shape) * factor, values).layers
    one = 1 if values.kind == "real" else round(abs(factor) / values.scale)
    assert (row.dead_channels, row.dead_neurons) == (1, 3)
    assert (row.saturated_channels, row.saturated_neurons) == saturated
    assert row.spikes_by_step == (3 * one, 2 * one)
    assert row.rate_by_channel == (0, one / 4, one)
    assert (row.deviation, row.membrane, row.v_threshold) == (None, None, None)


def test_each_call_is_a_layer_of_its_own() -> None:
    rows = seen(CHANNELS[:, None], Values("binary", 1), calls=2).layers
    assert [(row.name, row.call) for row in rows] == [("only", 0), ("only", 1)]
    assert rows[0].spikes == rows[1].spikes == 5


def test_counts_are_exact_where_float32_is_not() -> None:
    output = torch.ones(1, 1, 1, 2**24 + 3)
    output[..., 0] = 0
    (row,) = seen(output, Values("binary", 1)).layers
    assert (row.spikes, row.dead_neurons, row.saturated_neurons) == (2**24 + 2, 1, 2**24 + 2)


# ---- forms of a model ----------------------------------------------------------------------------------------------


def test_unrolled_integers_fire_as_before() -> None:
    model = exact(tiny_model(INTEGERS, **SMALL_IMAGE))
    x = (random_input(model, 2) * 8).round() / 8
    before, after = statistics(model, x), statistics(unroll(model), x)
    assert after.layers == before.layers
    assert any(row.values == "integer up to 4 times 0.25" for row in before.layers)
    assert any(row.values == "integer up to 4" for row in before.layers)  # the head's


def test_a_fused_model_has_the_same_layers() -> None:
    model = tiny_model(META, **SMALL_IMAGE)
    fused, _ = fuse(model, rep_conv=True)
    x = random_input(model, 2)
    for one, other in zip(statistics(model, x).layers, statistics(fused, x).layers, strict=True):
        assert (one.name, one.official_name, one.elements) == (other.name, other.official_name, other.elements)


def test_potentials_that_are_no_number_are_counted_apart() -> None:
    model = smallest()
    with torch.no_grad():
        next(model.tokenizer.parameters()).fill_(math.nan)
    row = statistics(model, random_input(model, 1)).layers[0]
    assert row.membrane is not None
    assert row.membrane.undefined == row.membrane.total == row.elements
    assert (row.spikes, row.dead_neurons) == (0, row.neurons)


def test_looking_in_training_mode_moves_no_running_statistics() -> None:
    model = smallest().train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    statistics(model, random_input(model, 2))
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    assert model.training
    assert not any(neuron._forward_hooks for _, neuron in model.named_neurons())


def test_a_result_is_plain_data() -> None:
    model = smallest()
    result = statistics(model, random_input(model, 2))
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["name"] == "spikformer_4_384.cifar10"
    assert plain["samples"] == 2
    assert plain["rate"] == result.rate
    assert 0 <= plain["dead"] <= 1
    assert plain["saturated"] == result.saturated
    layer, row = plain["layers"][0], result.layers[0]
    assert layer["rate_by_step"] == list(row.rate_by_step)
    assert (layer["neurons"], layer["rate"]) == (row.channels * row.positions, row.rate)
    assert layer["membrane"]["counts"] == list(row.membrane.counts)  # type: ignore[union-attr]
