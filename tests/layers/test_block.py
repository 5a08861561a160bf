"""Blocks and their MLPs: two branches joining the stream, and the values that grow along it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikeformers.layers import (
    BINARY,
    REAL,
    TERNARY,
    Block,
    Linear,
    Memory,
    SpikingMLP,
    SpikingSelfAttention,
    Values,
    Vocabulary,
    build_blocks,
    integers,
)


class Branch(nn.Module):
    """factor x, and a note of the memory it was given."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.memory: Memory | None = None

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        self.memory = memory
        return self.factor * x


def test_a_block_adds_its_branches_one_after_the_other() -> None:
    attention, mlp = Branch(2.0), Branch(10.0)
    memory = Memory({})
    assert Block(attention, mlp)(torch.tensor(1.0), memory) == (1 + 2) + 10 * (1 + 2)
    assert attention.memory is memory
    assert mlp.memory is memory


@pytest.mark.parametrize(
    ("depth", "rates"), [(1, [0]), (2, [0, 0.3]), (4, [0, 0.1, 0.2, 0.3]), (7, [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])]
)
def test_stochastic_depth_grows_linearly(depth: int, rates: list[float]) -> None:
    stack = blocks(depth, inputs=REAL, spike_first=True, drop_path=0.3)
    assert [block.join.drop_path for block in stack] == pytest.approx(rates)
    assert "drop_path" in repr(stack[-1].join) or depth == 1
    assert [block.join.drop_path for block in blocks(3, inputs=REAL, spike_first=True)] == [0, 0, 0]


def blocks(depth: int, *, inputs: Values, spike_first: bool, drop_path: float = 0.0, **words: Any) -> nn.ModuleList:
    torch.manual_seed(0)
    return build_blocks(
        depth,
        8,
        2,
        inputs=inputs,
        vocabulary=Vocabulary(**words),
        mlp_ratio=2.5,
        scale=0.125,
        v_threshold=0.5,
        spike_first=spike_first,
        qkv_bias=not spike_first,
        init="kaiming_uniform",
        drop_path=drop_path,
    )


def inputs_of(unit: nn.Module) -> Values:
    (linear,) = (module for module in unit.modules() if isinstance(module, Linear))
    return linear.inputs


def parts(block: nn.Module) -> tuple[SpikingSelfAttention, SpikingMLP]:
    assert isinstance(block, Block)
    assert isinstance(block.attention, SpikingSelfAttention)
    assert isinstance(block.mlp, SpikingMLP)
    return block.attention, block.mlp


def test_on_a_stream_of_spikes_integers_grow_by_two_a_block() -> None:
    # Tokens 0..2: q, k and v of block l see 0..2l+2, its MLP 0..2l+3; what neurons feed is binary.
    for depth, block in enumerate(blocks(4, inputs=integers(2), spike_first=False)):
        attention, mlp = parts(block)
        for unit in (attention.q, attention.k, attention.v):
            assert inputs_of(unit) == integers(2 * depth + 2)
        assert inputs_of(mlp.expand) == integers(2 * depth + 3)
        assert inputs_of(attention.projection) == inputs_of(mlp.contract) == BINARY


@pytest.mark.parametrize(("neuron", "values"), [("lif", BINARY), ("ternary", TERNARY), ("integer", integers(4))])
def test_on_a_real_stream_every_input_is_what_neurons_emit(neuron: str, values: Values) -> None:
    for block in blocks(3, inputs=REAL, spike_first=True, neuron=neuron):
        assert {inputs_of(m) for m in block.modules() if isinstance(m, Linear)} == {values}


def test_the_declared_growth_is_reached_but_not_exceeded() -> None:
    # Norms that let every neuron fire always: the stream grows by one at every join.
    stack = blocks(3, inputs=integers(2), spike_first=False).eval()
    for name, parameter in stack.named_parameters():
        if name.endswith("norm.bias"):
            nn.init.constant_(parameter, 100.0)
    x = torch.full((2, 1, 8, 4), 2.0)
    for depth, block in enumerate(stack):
        x = block(x)
        assert (x == 2 * depth + 4).all()


@pytest.mark.parametrize(
    ("spike_first", "order"), [(False, ["linear", "norm", "neuron"]), (True, ["neuron", "linear", "norm"])]
)
def test_the_order_and_sizes_of_an_mlp(spike_first: bool, order: list[str]) -> None:
    for block in blocks(1, inputs=integers(2), spike_first=spike_first):
        _, mlp = parts(block)
        assert list(mlp.expand._modules) == list(mlp.contract._modules) == order
        shapes = [tuple(m.weight.shape) for m in mlp.modules() if isinstance(m, Linear)]
        assert shapes == [(20, 8), (8, 20)]  # a ratio of 2.5
        assert mlp.values == (REAL if spike_first else BINARY)
        x = torch.randint(0, 3, (3, 2, 8, 5)).float()
        assert torch.equal(mlp(x), mlp.contract(mlp.expand(x)))
        assert mlp.values.hold(mlp(x))
