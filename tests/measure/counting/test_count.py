"""Counting: hand counts of one layer of each kind, loops over random layers, whole models run again by brute force."""

from __future__ import annotations

from dataclasses import replace
from itertools import product as every
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from spikeformers.errors import InputError
from spikeformers.layers import (
    BINARY,
    LIF,
    REAL,
    TERNARY,
    Add,
    AvgPool,
    Conv2d,
    DescribesItself,
    Linear,
    Mask,
    MatrixProduct,
    MaxPool,
    SpikeFiringApproximation,
    integers,
)
from spikeformers.layers.norms import BatchNorm
from spikeformers.measure import Count, Counts, count
from spikeformers.measure.counting.counts import OPERATIONS
from spikeformers.models import SpikingModel, fuse, unroll
from tests.models.tiny import random_input, smallest, tiny_model

MODELS: dict[str, dict[str, Any]] = {
    "spikformer_4_384.cifar10": {},
    "spikingformer_2_256.cifar10dvs": {},
    "sdt_2_256.cifar10dvs": {},
    "meta_spikeformer_55m_t4_kd.imagenet": {},
    "e_spikeformer_19m.imagenet": {"image_size": [64, 64]},
    "spikeformer_7_256.dvs128gesture": {},
}
every_model = pytest.mark.parametrize("name", MODELS)


class Fed(nn.Module):
    """Gives a module the operands it was made with, whatever it is called with."""

    def __init__(self, module: nn.Module, *operands: Tensor) -> None:
        super().__init__()
        self.module, self.operands = module, operands

    def forward(self, x: Tensor) -> Any:
        return self.module(*self.operands)


def row_of(module: nn.Module, *operands: Tensor, samples: int = 1) -> Count:
    rows = count(Fed(module, *operands), torch.zeros(samples, 1)).rows
    assert len(rows) == 1
    return rows[0]


def frame(values: list[list[float]]) -> Tensor:
    """One map [1, 1, 1, H, W]."""
    return torch.tensor(values)[None, None, None]


def test_a_convolution_by_hand() -> None:
    conv = Conv2d(1, 1, inputs=BINARY)
    corner = row_of(conv, frame([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]]))
    centre = row_of(conv, frame([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]))
    assert (corner.dense, corner.dense_padded) == (49, 81)
    assert (corner.nonzero, centre.nonzero) == (4, 9)
    assert (corner.events, corner.neurobench_acs, corner.neurobench_macs) == (4, 4, 0)
    assert (corner.inputs, corner.outputs, corner.weights, corner.bias) == (9, 9, 9, False)
    assert corner.shape == (9, 9, 1, 1)


def test_stride_groups_and_dilation_by_hand() -> None:
    # Stride 2 and padding 1 on 4 positions: windows start at -1 and 1 and read 2 and 3 of them.
    strided = row_of(Conv2d(1, 1, inputs=BINARY, stride=2), torch.ones(1, 1, 1, 4, 4))
    assert (strided.dense, strided.dense_padded) == (25, 36)
    # Each of 4 channels is read by the 3 filters of its group.
    grouped = row_of(Conv2d(4, 6, inputs=BINARY, kernel=1, groups=2), torch.ones(1, 1, 4, 2, 2))
    assert grouped.dense == grouped.nonzero == 4 * 3 * 4
    assert grouped.shape == (4, 2, 6, 2)
    # One window of 9 taps, two apart.
    dilated = row_of(nn.Conv2d(1, 1, 3, dilation=2), torch.ones(1, 1, 5, 5))
    assert dilated.dense == dilated.nonzero == dilated.dense_padded == 9


@pytest.mark.parametrize(
    ("declared", "values", "kind", "highest", "nonzero", "events", "acs"),
    [
        (BINARY, [1.0, 0, 1, 0], "binary", 1, 6, 6, 6),
        (TERNARY, [1.0, 0, -1, -1], "ternary", 1, 9, 9, 9),
        (integers(4), [4.0, 0, 1, 0], "integer", 4, 6, 15, 0),
        (integers(4, scale=0.25), [1.0, 0, 0.25, 0], "integer", 4, 6, 15, 0),
        (BINARY.scaled(0.5), [0.5, 0, 0.5, 0], "binary", 1, 6, 6, 0),
        (integers(4, scale=0.25), [1.0, 0, 1, 0], "integer", 4, 6, 24, 6),
        (REAL, [0.5, 0, 0.1, 0], "real", None, 6, None, 0),
        (REAL, [-3.0, 0, 1, 0], "integer", 3, 6, 12, 0),
    ],
)
def test_kinds_of_values_by_hand(
    declared: Any, values: list[float], kind: str, highest: int, nonzero: int, events: int, acs: int
) -> None:
    row = row_of(Linear(4, 3, inputs=declared), torch.tensor(values).view(1, 1, 4, 1))
    (seen,) = row.seen
    assert (seen.kind, seen.highest, seen.scale) == (kind, highest, declared.scale)
    assert (seen.zeros, seen.elements) == (values.count(0), 4)
    assert (row.nonzero, row.events, row.dense) == (nonzero, events, 12)
    assert (row.neurobench_acs, row.neurobench_macs) == (acs, nonzero - acs)
    assert row.declared == (str(declared),)
    assert row.bias


def test_weights_that_are_zero_do_nothing() -> None:
    linear = Linear(2, 3, inputs=BINARY)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 0], [1, 0], [0, 2]]))
    assert row_of(linear, torch.tensor([1.0, 0]).view(1, 1, 2, 1)).nonzero == 2
    assert row_of(linear, torch.tensor([0.0, 1]).view(1, 1, 2, 1)).nonzero == 1
    assert row_of(linear, torch.ones(1, 1, 2, 1)).dense == 6


def test_products_and_masks_by_hand() -> None:
    left = torch.tensor([[1.0, 0], [1, 1]]).view(1, 1, 2, 2)
    right = torch.tensor([[3.0, 0], [0, 2]]).view(1, 1, 2, 2)
    row = row_of(MatrixProduct(BINARY, integers(3)), left, right)
    # The columns of the left have 2 and 1 spikes, the rows of the right one number each: 3 and 2.
    assert (row.nonzero, row.events, row.dense, row.dense_padded) == (3, 2 * 3 + 1 * 2, 8, 8)
    assert [seen.kind for seen in row.seen] == ["binary", "integer"]
    assert row.shape == (2, 2, 2, 1)
    mask = row_of(Mask(BINARY, integers(3)), left, right)
    assert (mask.nonzero, mask.events, mask.dense, mask.shape) == (2, 5, 4, None)
    assert row_of(MatrixProduct(REAL, REAL), left / 3, right).events is None


def test_what_lies_between_operations_by_hand() -> None:
    x = torch.zeros(2, 1, 3, 4, 4)
    x[0, 0, 0, 0, 0] = x[1, 0, 0, 2, 2] = 1
    pool = row_of(MaxPool(), x)  # kernel 3, stride 2, padding 1: 25 of 36 taps are inside; (2, 2) is read once
    assert (pool.kind, pool.dense, pool.dense_padded, pool.nonzero_by_step) == ("pool", 150, 216, (1, 1))
    assert row_of(AvgPool(2), x).dense == 96
    norm = row_of(BatchNorm(3).eval(), x)
    assert (norm.kind, norm.dense, norm.nonzero, norm.membranes) == ("norm", 96, 2, 0)
    add = row_of(Add(), x, x.roll(1, 0) + x)
    assert (add.kind, add.dense, add.nonzero, add.inputs) == ("add", 96, 2, 192)
    words = {"tau": 2.0, "v_threshold": 1.0}
    neuron = row_of(LIF(**words), x)
    assert (neuron.kind, neuron.time_steps, neuron.dense, neuron.membranes) == ("neuron", 2, 96, 48)
    assert row_of(SpikeFiringApproximation(), x).membranes == 0
    softmax = row_of(nn.Softmax(-1), x)
    assert (softmax.kind, softmax.dense) == ("softmax", 96)


layers = st.fixed_dictionaries(
    {
        "groups": st.integers(1, 2),
        "cin": st.integers(1, 2),
        "cout": st.integers(1, 2),
        "kernel": st.integers(1, 3),
        "stride": st.integers(1, 3),
        "padding": st.integers(0, 2),
        "dilation": st.integers(1, 2),
        "size": st.integers(5, 7),
        "zeros": st.sampled_from([0.0, 0.5]),
        "seed": st.integers(0, 10**6),
    }
)


@settings(max_examples=25)
@given(layers)
def test_convolutions_equal_loops(words: dict[str, Any]) -> None:
    torch.manual_seed(words["seed"])
    g, k, s, p, d, n = (words[word] for word in ("groups", "kernel", "stride", "padding", "dilation", "size"))
    conv = nn.Conv1d(g * words["cin"], g * words["cout"], k, s, p, d, g)
    with torch.no_grad():
        conv.weight.mul_(torch.rand(conv.weight.shape) >= words["zeros"])
    x = torch.randint(-1, 3, (2, g * words["cin"], n)).float()
    dense = padded = nonzero = events = 0
    out = (n + 2 * p - d * (k - 1) - 1) // s + 1
    for b, o, i, t, q in every(range(2), range(g * words["cout"]), range(words["cin"]), range(k), range(out)):
        padded += 1
        at = q * s - p + t * d
        if not 0 <= at < n:
            continue
        dense += 1
        value = int(x[b, o // words["cout"] * words["cin"] + i, at])
        if value and conv.weight[o, i, t] != 0:
            nonzero += 1
            events += abs(value)
    (row,) = count(nn.Sequential(conv), x).rows
    assert (row.dense, row.dense_padded, row.nonzero, row.events) == (dense, padded, nonzero, events)
    assert row.first


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5]))
def test_convolutions_over_maps_equal_the_convolution_of_ones(seed: int, zeros: float) -> None:
    torch.manual_seed(seed)
    draw = [int(number) for number in torch.randint(1, 3, (6,))]
    conv = Conv2d(2 * draw[0], 2 * draw[1], inputs=REAL, kernel=1 + draw[2], stride=draw[3], groups=draw[4], bias=True)
    with torch.no_grad():
        conv.weight.mul_(torch.rand(conv.weight.shape) >= zeros)
    x = torch.randint(-1, 3, (3, 2, 2 * draw[0], 6, 5)).float()
    row = row_of(conv, x, samples=2)
    assert row.nonzero_by_step == by_force(conv, [(x != 0).double()], [conv.weight != 0])
    assert row.events_by_step == by_force(conv, [x.abs().double()], [conv.weight != 0])
    assert row.dense == sum(by_force(conv, [torch.ones_like(x).double()], [torch.ones_like(conv.weight)]))
    assert row.shape is not None
    assert row.shape[0] * row.shape[1] * row.shape[2] * 2 * 3 == row.dense_padded


def by_force(module: nn.Module, operands: list[Tensor], weights: list[Tensor]) -> tuple[int, ...]:
    """The operation itself over what is given, in float64, summed for each time step; one sum without time."""
    assert isinstance(module, DescribesItself)
    spec = module.op_spec()
    if spec.kind == "product":
        out = operands[0] @ operands[1]
    elif spec.kind == "mask":
        out = operands[0] * operands[1]
    elif spec.kind == "linear":
        rows = operands[0].movedim(spec.axis, -1)
        out = F.linear(rows, weights[0].double())
    else:
        x = operands[0].flatten(0, 1)
        out = F.conv2d(x, weights[0].double(), None, spec.stride, spec.padding, spec.dilation, spec.groups)
        out = out.unflatten(0, operands[0].shape[:2])
    timed = spec.timed and operands[0].dim() > 2
    totals = out.flatten(1).sum(1) if timed else out.sum()[None]
    assert float(totals.max()) < 2**53
    return tuple(int(total) for total in totals.tolist())


def counted_by_force(model: nn.Module, x: Tensor) -> list[tuple[str, int, int, tuple[int, ...]]]:
    """Name, dense, non-zero operations of every call, each run again over ones."""
    rows: list[tuple[str, int, int, tuple[int, ...]]] = []

    def seeing(name: str) -> Any:
        def hook(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            weights = [module.weight] if hasattr(module, "weight") else []
            ones = [torch.ones(each.shape, dtype=torch.float64) for each in inputs]
            active = [(each != 0).double() for each in inputs]
            steps = by_force(module, active, [weight != 0 for weight in weights])
            dense = sum(by_force(module, ones, [torch.ones_like(weight) for weight in weights]))
            rows.append((name, dense, sum(steps), steps))

        return hook

    named = list(model.named_modules())
    handles = [m.register_forward_hook(seeing(name)) for name, m in named if isinstance(m, DescribesItself)]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return rows


def operations(counts: Counts) -> list[Count]:
    return [row for row in counts.rows if row.kind in OPERATIONS]


def agrees(model: SpikingModel, x: Tensor) -> Counts:
    counts = count(model, x)
    found = [(row.name, row.dense, row.nonzero, row.nonzero_by_step) for row in operations(counts)]
    expected = counted_by_force(model, x)
    assert len(expected) > 4
    assert found == expected
    for row in counts.rows:
        assert sum(row.nonzero_by_step) == row.nonzero <= row.dense <= row.dense_padded
        assert len(row.nonzero_by_step) == row.time_steps
        assert row.events_by_step is None or sum(row.events_by_step) == row.events
    return counts


@every_model
def test_whole_models_equal_brute_force(name: str) -> None:
    model = tiny_model(name, **MODELS[name])
    tokens = (1, 1) if "image_size" in MODELS[name] else (2, 2)
    counts = agrees(model, random_input(model, 2, tokens))
    first = [row.name for row in counts.rows if row.first]
    assert first
    assert first[0] == operations(counts)[0].name
    assert counts.samples == 2
    assert set(counts.uncounted) <= {"embedding"}


@every_model
def test_fused_models_equal_brute_force_and_have_fewer_norms(name: str) -> None:
    model = tiny_model(name, **MODELS[name]).double()
    fused, fusion = fuse(model, rep_conv=True)
    tokens = (1, 1) if "image_size" in MODELS[name] else (2, 2)
    x = random_input(model, 2, tokens)
    counts = agrees(fused, x)
    assert counts.fused == "rep_conv"
    gone = set(fusion.rows)
    assert gone
    assert not gone & {row.name for row in counts.rows if row.kind == "norm"}


def test_unrolled_integers_are_as_many_binary_calls() -> None:
    model = tiny_model("e_spikeformer_19m.imagenet", image_size=[64, 64]).double()
    x = random_input(model, 2, (1, 1))
    whole, unrolled = count(model, x), agrees(unroll(model), x)
    calls: dict[str, list[Count]] = {}
    for row in operations(unrolled):
        calls.setdefault(row.name.removesuffix(".operation"), []).append(row)
    compared = 0
    for row in operations(whole):
        together = calls[row.name]
        if "integer up to 4" not in row.declared[0] or len(row.seen) > 1:
            continue
        compared += 1
        assert [each.call for each in together] == [0, 1, 2, 3]
        assert all(each.seen[0].kind == "binary" and each.binary_calls == 1 for each in together)
        # Every integer is that many spikes.
        assert sum(each.nonzero for each in together) == row.events
    assert compared > 4


def test_integers_on_the_stream_of_a_sew_model_are_events() -> None:
    model = tiny_model("spikformer_4_384.cifar10")
    seen = {row.name: row for row in operations(count(model, random_input(model, 4)))}
    row = seen["blocks.1.mlp.expand.linear"]
    assert row.seen[0].kind == "integer"
    assert row.events is not None
    assert row.events > row.nonzero == row.neurobench_macs
    assert seen["blocks.1.mlp.contract.linear"].neurobench_macs == 0


@pytest.mark.parametrize("name", ["spikformer_4_384.cifar10", "sdt_2_256.cifar10dvs"])
def test_batches_add_up(name: str) -> None:
    model = tiny_model(name)
    x = random_input(model, 7)
    told: list[int] = []
    apart = count(model, [(x[:4], None), (x[4:6], None), (x[6:], None)], progress=told.append)
    each = [count(model, part) for part in (x[:4], x[4:6], x[6:])]
    assert told == [4, 6, 7]
    assert (apart.samples, apart.batches) == (7, 3)
    for row, *parts in zip(apart.rows, *(counts.rows for counts in each), strict=True):
        for word in ("dense", "nonzero", "inputs", "outputs", "neurobench_acs", "neurobench_macs", "binary_calls"):
            assert getattr(row, word) == sum(getattr(part, word) for part in parts)
        assert row.calls == 3
        if row.events is not None:
            assert row.events == sum(part.events or 0 for part in parts)
        assert [seen.zeros for seen in row.seen] == [
            sum(seen.zeros for seen in operand) for operand in zip(*(part.seen for part in parts), strict=True)
        ]
    per_sample = [counts.total() / counts.samples for counts in each]
    spread = apart.spread()
    assert spread.mean == apart.total() / 7
    assert spread.deviation == pytest.approx(float(torch.tensor(per_sample, dtype=torch.float64).std()))
    assert each[0].spread().deviation is None


def test_a_limit_cuts_the_last_batch() -> None:
    model = smallest()
    x = random_input(model, 6)
    assert count(model, [x[:4], x[4:]], limit=5).total() == count(model, [x[:4], x[4:5]]).total()
    assert count(model, x, limit=2).samples == 2


def test_counting_leaves_the_model_as_it_was() -> None:
    model = smallest().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count(model, random_input(model, 3))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_plain_modules() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding="same"),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5),
    ).eval()
    x = torch.randn(3, 3, 4, 4)
    counts = count(net, x)
    assert [row.kind for row in counts.rows] == ["convolution", "norm", "neuron", "pool", "linear"]
    assert [row.time_steps for row in counts.rows] == [1] * 5
    conv, linear = counts.rows[0], counts.rows[-1]
    assert conv.first
    assert conv.declared == ("",)
    assert conv.nonzero == int(F.conv2d(torch.ones(3, 3, 4, 4), torch.ones(4, 3, 3, 3), padding=1).sum())
    assert linear.nonzero == 5 * int((net[:5](x) != 0).sum())
    assert linear.shape == (1, 16, 5, 1)
    assert counts.uncounted == ()


@pytest.mark.parametrize("data", [[], [torch.zeros(0, 3, 8, 8)], [{"image": 1}], ["x"]])
def test_data_that_cannot_be_counted(data: Any) -> None:
    with pytest.raises(InputError, match=r"sample|batch"):
        count(smallest(), data)


@pytest.mark.parametrize("name", ["spikformer_4_384.cifar10", "sdt_2_256.cifar10dvs"])
def test_a_model_inside_another_module_is_counted_as_by_itself(name: str) -> None:
    model = tiny_model(name)
    x = random_input(model, 2)
    inside, alone = count(nn.Sequential(model), x).rows, count(model, x).rows
    assert sum(row.first for row in alone) == 1
    assert [replace(row, name=row.name.removeprefix("0.")) for row in inside] == list(alone)


def test_a_limit_below_one() -> None:
    with pytest.raises(InputError, match="limit"):
        count(smallest(), torch.zeros(1, 3, 8, 8), limit=0)
