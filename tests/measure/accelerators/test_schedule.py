"""Accelerators, held to sums by hand, to a brute-force schedule and to the published figures."""

import itertools
import json
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from spikeformers import create_model
from spikeformers.errors import ConfigError, InputError, UnknownNameError
from spikeformers.measure.accelerators.parameters import FOLDER, list_accelerators
from spikeformers.measure.accelerators.schedule import accelerator
from spikeformers.measure.accelerators.workload import Workload, workloads
from spikeformers.measure.counting.count import count
from spikeformers.models import unroll
from tests.models.tiny import random_input, tiny_model


def layer(name, M, K, N, groups=1, **words):
    return Workload(name=name, M=M, K=K, N=N, groups=groups, time_steps=4, **words)


def spikformer_8_512(first_bits=8):
    """The published network at 224 x 224, Q K^T first, without its classifier."""
    stem = [
        layer("conv0", 224 * 224, 27, 64, input_bits=first_bits, membranes=224 * 224 * 64),
        layer("conv1", 112 * 112, 576, 128, membranes=112 * 112 * 128),
        layer("conv2", 56 * 56, 1152, 256, membranes=56 * 56 * 256),
        layer("conv3", 28 * 28, 2304, 512, membranes=28 * 28 * 512),
        layer("position", 196, 4608, 512, membranes=196 * 512),
    ]
    block = [
        *(layer(name, 196, 512, 512, membranes=196 * 512) for name in "qkv"),
        layer("inner", 196, 64, 8 * 196, groups=8, weights=False, attention="map"),
        layer("outer", 196, 196, 512, groups=8, weights=False, membranes=196 * 512),
        layer("projection", 196, 512, 512, membranes=196 * 512),
        layer("fc1", 196, 512, 2048, membranes=196 * 2048),
        layer("fc2", 196, 2048, 512, membranes=196 * 512),
    ]
    return [*stem, *(8 * block)]


# ceil(M/m) ceil(K/k) ceil(N/n) of one group, times heads or bits, written out.
BY_HAND = {
    "parallel_time_steps": {  # 8 x 9 x 12, four time steps
        "conv0": 6272 * 3 * 6 * 8,
        "conv1": 1568 * 64 * 11,
        "conv2": 392 * 128 * 22,
        "conv3": 98 * 256 * 43,
        "position": 25 * 512 * 43,
        "q": 25 * 57 * 43,
        "k": 61275,
        "v": 61275,
        "inner": 8 * 25 * 8 * 17,
        "outer": 8 * 25 * 22 * 6,
        "projection": 61275,
        "fc1": 25 * 57 * 171,
        "fc2": 25 * 228 * 43,
    },
    "vesta": {  # 1 x 8 x 16, four time steps
        "conv0": 50176 * 4 * 4 * 8,
        "conv1": 12544 * 72 * 8,
        "conv2": 3136 * 144 * 16,
        "conv3": 784 * 288 * 32,
        "position": 196 * 576 * 32,
        "q": 196 * 64 * 32,
        "k": 401408,
        "v": 401408,
        "inner": 8 * 196 * 8 * 13,
        "outer": 8 * 196 * 25 * 4,
        "projection": 401408,
        "fc1": 196 * 64 * 128,
        "fc2": 196 * 256 * 32,
    },
}


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_cycles_of_spikformer_8_512(name):
    report = accelerator(spikformer_8_512(), name)
    assert [(row.name, row.cycles) for row in report.rows] == [
        (each.name, BY_HAND[name][each.name]) for each in spikformer_8_512()
    ]


def test_total_and_distance_from_the_published_frame_rate():
    report = accelerator(spikformer_8_512(), "parallel_time_steps")
    assert report.cycles == 11_039_896
    assert report.fps == pytest.approx(500e6 / 11_039_896)
    assert report.fps_difference == pytest.approx(500e6 / 11_039_896 - 46.72)


def test_operations_of_the_workload_table():
    stem = spikformer_8_512()[:5]
    assert [round(each.synaptic / 4e6, 1) for each in stem] == [86.7, 924.8, 924.8, 924.8, 462.4]
    assert round(sum(each.synaptic for each in spikformer_8_512()) / 4e9, 3) == 8.571


def test_one_convolution_by_hand(tmp_path):
    # 3 x 3, 16 -> 24 channels on 10 x 10: 100 positions in 13 tiles of 8, 144 terms in 16 of 9, 24 outputs in 2 of 12.
    work = [Workload(name="conv", M=100, K=144, N=24, time_steps=8, membranes=2400)]
    (row,) = accelerator(work, "parallel_time_steps").rows
    assert row.cycles == 13 * 16 * 2 * 2
    assert row.operations == 100 * 144 * 24 * 8
    assert row.weight_bits == 144 * 24 * 8 * 2 * 13
    assert row.spike_bits == 100 * 144 * 8
    assert row.membrane_bits == 2 * 2400 * 8 * 16
    assert row.dram_bits == 144 * 24 * 8
    (held,) = accelerator(work, "parallel_time_steps", weights_held=True).rows
    assert held.weight_bits == 144 * 24 * 8


def test_one_product_by_hand():
    # One head of 20 positions and 10 channels: both operands are spikes, nothing is stored.
    work = [Workload(name="qk", M=20, K=10, N=20, time_steps=4, weights=False, attention="map")]
    (row,) = accelerator(work, "parallel_time_steps").rows
    assert (row.cycles, row.weight_bits, row.dram_bits) == (3 * 2 * 2, 0, 0)
    assert row.spike_bits == (20 + 20) * 10 * 4
    assert row.buffer_bits == 20 * 20 * 4  # sums of up to 10
    assert accelerator(work, "vesta").rows[0].buffer_bits == 20 * 4


def test_parallel_time_steps_remove_membrane_traffic():
    assert accelerator(spikformer_8_512(), "parallel_time_steps").total("membrane_bits") == 0
    serial = accelerator(spikformer_8_512(), "parallel_time_steps", parallel_steps=1)
    assert serial.parameters["n"].value == 48
    assert serial.total("membrane_bits") == 2 * 16 * 4 * sum(each.membranes for each in spikformer_8_512())


sizes = st.integers(1, 40)
layers = st.builds(
    lambda M, K, n, groups, T, bits, density: Workload(
        name="x", M=M, K=K, N=n * groups, groups=groups, time_steps=T, input_bits=bits, density=density
    ),
    sizes,
    sizes,
    sizes,
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 3),
    st.floats(0, 1),
)


@given(layers, st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_every_operation_is_scheduled_once(work, m, k, n, steps):
    (row,) = accelerator([work], "vesta", m=m, k=k, n=n, parallel_steps=steps).rows
    axes = [(work.M, m), (work.K, k), (work.N // work.groups, n), (work.time_steps, steps)]
    tiles = [[min(size, extent - at) for at in range(0, extent, size)] for extent, size in axes]
    again = work.groups * work.input_bits
    assert row.cycles == again * len(list(itertools.product(*tiles)))
    assert row.operations == again * sum(a * b * c * d for a, b, c, d in itertools.product(*tiles))
    assert row.operations <= row.cycles * m * k * n * steps


@given(st.lists(layers, min_size=1, max_size=4))
def test_more_pes_are_never_slower(work):
    cycles = [accelerator(work, "parallel_time_steps", pes=288 * factor).cycles for factor in (1, 2, 5, 12, 40)]
    assert cycles == sorted(cycles, reverse=True)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3))
def test_full_tiles_use_every_pe(a, b, c, d):
    report = accelerator([Workload(name="x", M=8 * a, K=9 * b, N=12 * c, time_steps=4 * d)], "parallel_time_steps")
    assert report.cycles == report.total("operations") / 3456
    assert report.utilisation == 1


def test_zero_skipping():
    work = [layer("x", 80, 90, 120, density=0.3)]
    dense = accelerator(work, "parallel_time_steps").cycles
    assert accelerator(work, "parallel_time_steps", zero_skip=True, skip_lanes=8).cycles == 0.3 * dense
    assert accelerator(work, "parallel_time_steps", zero_skip=True, skip_lanes=2).cycles == dense / 2
    full = [layer("x", 80, 90, 120)]
    assert accelerator(full, "parallel_time_steps", zero_skip=True, skip_lanes=8).cycles == dense


def test_calibration_of_parallel_time_steps():
    # A frame at the published 46.72 a second: every PE, every cycle. 0.2 %: the energies are given to three digits.
    slots = 500e6 / 46.72 * 3456
    assert slots == pytest.approx(36.99e9, rel=2e-4)
    frame = [Workload(name="frame", M=8 * 10_702_055, K=9, N=12, time_steps=4)]
    for prices in ({}, {"logic_fj_per_pe_cycle": 29.7, "sram_fj_per_pe_cycle": 22.4}):
        report = accelerator(frame, "parallel_time_steps", **prices)
        assert report.fps == pytest.approx(46.72)
        assert report.tops_per_watt == pytest.approx(38.334, rel=2e-3)
        assert report.millijoules == pytest.approx(1.93, rel=2e-3)
        assert report.millijoules * report.fps == pytest.approx(90.153, rel=2e-3)


def test_calibration_of_vesta():
    report = accelerator(spikformer_8_512(), "vesta")
    assert round(report.total("synaptic") / 1e9, 2) == 34.28
    assert round(report.needed_per_pe_cycle, 2) == 4.02
    assert report.fps < 30 / 4
    assert report.millijoules is None
    assert "Power and energy." in report.unknown


def test_energy_parts_by_hand():
    work = [Workload(name="x", M=1, K=8, N=16, time_steps=4, density=0.5)]
    prices = {"logic_fj_per_operation": 10.0, "sram_fj_per_bit": 2.0, "dram_fj_per_bit": 3.0, "leakage_mw": 5.0}
    (row,) = accelerator(work, "vesta", **prices).rows
    assert row.energy.logic == pytest.approx(256 * 10e-3)
    assert row.energy.sram == pytest.approx((8 * 16 * 8 + 8 * 4) * 2e-3)
    assert row.energy.dram == pytest.approx(8 * 16 * 8 * 3e-3)
    assert row.energy.leakage == pytest.approx(5e-3 / 500e6 * 1e12)  # one cycle


def test_weight_bits():
    full, half = (accelerator(spikformer_8_512(), "vesta", weight_bits=bits) for bits in (8, 4))
    assert full.total("weight_bits") == 2 * half.total("weight_bits")
    assert any(line.startswith("weight_bits = 4: what-if") for line in half.estimated)
    assert not any(line.startswith("weight_bits") for line in half.known)


def test_a_counted_model():
    counts = count(create_model("spikformer_2_64.digits").eval(), torch.rand(3, 1, 8, 8))
    work, missing = workloads(counts)
    report = accelerator(counts, "vesta")
    assert report.total("synaptic") == counts.total("dense_padded") / 3
    assert missing == ()
    assert work[0].input_bits == 8
    assert sum(each.membranes for each in work) == counts.total("membranes", ["neuron"]) / 3
    assert [each.attention for each in work if not each.weights] == ["keys first", ""] * 2
    assert json.loads(json.dumps(report.to_dict()))["cycles"] == report.cycles


@pytest.mark.parametrize(
    ("size", "heads", "order", "bits"),
    [
        (32, 8, "keys first", 64 * 8 * 7),  # 64 tokens, 8 channels a head: K^T V of all heads, sums of up to 64
        (16, 1, "map", 16 * 16 * 7),  # 16 tokens, 64 channels: one map, sums of up to 64
        (32, 1, "keys first", 64 * 64 * 7),  # as many of both
    ],
)
def test_order_of_a_counted_attention(size, heads, order, bits):
    words = {"dim": 64, "heads": heads, "image_size": (size, size), "depth": 1, "time_steps": 1}
    counts = count(create_model("spikformer_4_256.cifar10", **words).eval(), torch.rand(1, 3, size, size))
    (inner,) = (each for each in workloads(counts)[0] if each.attention)
    assert inner.attention == order
    assert accelerator([inner], "vesta", map_by_column=False).total("buffer_bits") == bits


def test_every_call_of_an_unrolled_attention_has_the_order_of_the_whole():
    model = tiny_model("e_spikeformer_280k.digits")
    whole, parts = (workloads(count(form, random_input(model, 1)))[0] for form in (model, unroll(model)))
    orders = {each.name: each.attention for each in whole if not each.weights}
    assert set(orders.values()) == {"map", ""}
    assert sum(not each.weights for each in parts) > len(orders)
    for each in parts:
        if not each.weights:
            assert each.attention == orders[each.name.partition(" ")[0].removesuffix(".operation")], each.name


def test_samples_that_take_different_cycles_are_refused():
    model = tiny_model("spikformer_2_256.cifar10dvs")
    x = random_input(model, 2)
    for other in (x[:, :1], random_input(model, 2, (3, 2))):
        with pytest.raises(InputError, match=r"'tokenizer.* different sizes or numbers of time steps"):
            accelerator(count(model, [x, other]), "vesta")


def test_what_is_fed_something_else_than_samples_is_not_scheduled():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.place, self.mix = nn.Parameter(torch.randn(1, 4)), nn.Linear(4, 4)
            self.look = nn.Conv1d(1, 1, 2)

        def forward(self, x):
            return self.look((x + self.mix(self.place)).unsqueeze(1))

    report = accelerator(count(Net(), torch.randn(3, 4)), "vesta")
    assert [row.name for row in report.rows] == ["look"]
    assert report.unscheduled == ("mix",)


def test_a_convolution_over_several_frames_of_a_sample():
    counts = count(nn.Sequential(nn.Flatten(0, 1), nn.Conv2d(2, 3, 3)), torch.ones(2, 5, 2, 4, 4))
    assert counts.rows[0].shape == (5 * 2 * 2, 2 * 9, 3, 1)
    assert accelerator(counts, "vesta").total("synaptic") == counts.total("dense_padded") / 2


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text((FOLDER / "vesta.toml").read_text().replace("value = 500,", "value = 250,"))
    mine, theirs = (accelerator(spikformer_8_512(), spec) for spec in (path, "vesta"))
    assert mine.fps == theirs.fps / 2


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("pes = { value = 512", "pes = { value = 500", "multiple of 32 .such as 480 or 512"),
        ("value = 500,", "value = -1,", "frequency_mhz must be a number more than 0"),
        ('mark = "published"', 'mark = "publishd"', "Did you mean 'published'"),
        ("zero_skip = ", "zero_skp = ", "Did you mean 'zero_skip'"),
        ("zero_skip = { value = false", "zero_skip = { value = 0", "'value' must be true or false, found 0"),
        ("fps = { value = 30", "fps = { value = nan", "must be a number more than 0, found nan"),
        ("sram_kb = { value = 107", "sram_kb = { value = inf", "must be a number more than 0, found inf"),
    ],
)
def test_a_broken_file(tmp_path, old, new, says):
    path = tmp_path / "mine.toml"
    shutil.copy(FOLDER / "vesta.toml", path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=says):
        accelerator(spikformer_8_512(), path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"pes": 0}, "whole number from 1"),
        ({"pes": 100}, "Give a multiple of 32"),
        ({"pes": 512, "n": 3}, "Give a multiple of 32"),
        ({"parallel_steps": 1.5}, "whole number from 1"),
        ({"zero_skip": 1}, "true or false"),
        ({"leakage_mw": -1.0}, "number from 0"),
        ({"frequency_mhz": float("nan")}, "more than 0"),
        ({"weight_bit": 4}, "Did you mean 'weight_bits'"),
    ],
)
def test_nonsense_is_refused(changes, says):
    with pytest.raises(ConfigError, match=says):
        accelerator(spikformer_8_512(), "vesta", **changes)


def test_other_errors():
    assert list_accelerators() == ["parallel_time_steps", "vesta"]
    with pytest.raises(UnknownNameError, match="Did you mean 'vesta'"):
        accelerator(spikformer_8_512(), "vsta")
    with pytest.raises(InputError, match="nothing to schedule"):
        accelerator([], "vesta")
    with pytest.raises(InputError, match="density"):
        Workload(name="x", M=1, K=1, N=1, density=1.5)
    with pytest.raises(InputError, match="groups"):
        Workload(name="x", M=1, K=1, N=3, groups=2)
