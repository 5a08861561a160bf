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
    Add,
    AttentionPlan,
    Block,
    Linear,
    Memory,
    Shortcut,
    SpikingMLP,
    SpikingSelfAttention,
    Values,
    Vocabulary,
    branch_values,
    build_blocks,
    drop_path_rates,
    integers,
    linear_projection,
)
from spikeformers.layers.norms import BatchNorm


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
    assert Block(attention=attention, mlp=mlp)(torch.tensor(1.0), memory) == (1 + 2) + 10 * (1 + 2)
    assert attention.memory is memory
    assert mlp.memory is memory


def test_branches_run_in_the_order_given_under_their_names() -> None:
    block = Block(first=Branch(2.0), second=Branch(10.0), third=Branch(-1.0))
    assert [name for name, _ in block.named_children()] == ["first", "second", "third", "joins"]
    assert block(torch.tensor(1.0)) == 0  # 3, 33, 0
    assert Block(second=Branch(10.0), first=Branch(2.0))(torch.tensor(1.0)) == 33


def test_each_branch_has_a_join_of_its_own() -> None:
    made: list[Add] = []

    def join() -> Add:
        made.append(Add(0.5))
        return made[-1]

    block = Block(join, attention=Branch(1.0), mlp=Branch(1.0))
    assert made == [block.joins["attention"], block.joins["mlp"]]


@pytest.mark.parametrize(
    ("depth", "rates"), [(1, [0]), (2, [0, 0.3]), (4, [0, 0.1, 0.2, 0.3]), (7, [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])]
)
def test_stochastic_depth_grows_linearly(depth: int, rates: list[float]) -> None:
    assert drop_path_rates(0.3, depth) == pytest.approx(rates)
    stack = blocks(depth, inputs=REAL, shortcut="membrane", drop_path=0.3)
    for block, rate in zip(stack, rates, strict=True):
        for branch in ("attention", "mlp"):
            assert block.joins[branch].drop_path == pytest.approx(rate)
            assert ("drop_path" in repr(block.joins[branch])) == (rate > 0)
    assert {block.joins["mlp"].drop_path for block in blocks(3, inputs=REAL, shortcut="membrane")} == {0}


def blocks(
    depth: int, *, inputs: Values, shortcut: Shortcut, drop_path: float = 0.0, attention: str = "ssa", **words: Any
) -> nn.ModuleList:
    torch.manual_seed(0)
    plan = AttentionPlan(
        dim=8,
        heads=2,
        inputs=inputs,
        vocabulary=Vocabulary(**words),
        shortcut=shortcut,
        qkv=linear_projection(bias=shortcut != "membrane", init="kaiming_uniform"),
        out=linear_projection(bias=True, init="kaiming_uniform"),
        scale=0.125,
    )
    rates = drop_path_rates(drop_path, depth)
    return build_blocks(plan, rates, attention=attention, mlp_ratio=2.5, init="kaiming_uniform")


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
    for depth, block in enumerate(blocks(4, inputs=integers(2), shortcut="sew")):
        attention, mlp = parts(block)
        for unit in (attention.q, attention.k, attention.v):
            assert inputs_of(unit) == integers(2 * depth + 2)
        assert inputs_of(mlp.expand) == integers(2 * depth + 3)
        assert inputs_of(attention.projection) == inputs_of(mlp.contract) == BINARY


@pytest.mark.parametrize(("neuron", "values"), [("lif", BINARY), ("ternary", TERNARY), ("integer", integers(4))])
def test_on_a_real_stream_every_input_is_what_neurons_emit(neuron: str, values: Values) -> None:
    for block in blocks(3, inputs=REAL, shortcut="membrane", neuron=neuron):
        assert {inputs_of(m) for m in block.modules() if isinstance(m, Linear)} == {values}


def test_the_declared_growth_is_reached_but_not_exceeded() -> None:
    # Norms that let every neuron fire always: the stream grows by one at every join.
    stack = blocks(3, inputs=integers(2), shortcut="sew").eval()
    for name, parameter in stack.named_parameters():
        if name.endswith("norm.bias"):
            nn.init.constant_(parameter, 100.0)
    x = torch.full((2, 1, 8, 4), 2.0)
    for depth, block in enumerate(stack):
        x = block(x)
        assert (x == 2 * depth + 4).all()


@pytest.mark.parametrize("attention", ["ssa", "sdsa1"])
def test_on_a_vanilla_stream_every_input_is_spikes(attention: str) -> None:
    stack = blocks(3, inputs=BINARY, shortcut="vanilla", attention=attention).train()
    assert {inputs_of(m) for m in stack.modules() if isinstance(m, Linear)} == {BINARY}
    for norm in stack.modules():
        if isinstance(norm, BatchNorm):
            nn.init.constant_(norm.bias, 1.5)  # about every third neuron fires
    x = torch.randint(0, 2, (2, 3, 8, 4)).float()
    for block in stack:
        x = block(x)
        assert BINARY.hold(x)
        assert x.any()


@pytest.mark.parametrize(
    ("shortcut", "expand", "contract"),
    [
        ("sew", ["linear", "norm", "neuron"], ["linear", "norm", "neuron"]),
        ("membrane", ["neuron", "linear", "norm"], ["neuron", "linear", "norm"]),
        ("vanilla", ["linear", "norm", "neuron"], ["linear", "norm"]),
    ],
)
def test_the_order_and_sizes_of_an_mlp(shortcut: Shortcut, expand: list[str], contract: list[str]) -> None:
    for block in blocks(1, inputs=integers(2), shortcut=shortcut):
        _, mlp = parts(block)
        assert list(mlp.expand._modules) == expand
        assert list(mlp.contract._modules) == contract
        shapes = [tuple(m.weight.shape) for m in mlp.modules() if isinstance(m, Linear)]
        assert shapes == [(20, 8), (8, 20)]  # a ratio of 2.5
        values = branch_values(shortcut, Vocabulary())
        assert values == (BINARY if shortcut == "sew" else REAL)
        x = torch.randint(0, 3, (3, 2, 8, 5)).float()
        assert torch.equal(mlp(x), mlp.contract(mlp.expand(x)))
        assert values.hold(mlp(x))


@pytest.mark.parametrize("shortcut", ["membrane", "sew", "vanilla"])
def test_an_mlp_over_a_map_is_the_one_over_its_tokens(shortcut: Shortcut) -> None:
    (block,) = blocks(1, inputs=integers(2), shortcut=shortcut).double().eval()
    _, mlp = parts(block)
    for norm in mlp.modules():
        if isinstance(norm, BatchNorm):
            nn.init.uniform_(norm.bias, 0.5, 1.5)
    x = torch.randint(0, 3, (3, 2, 8, 3, 5)).double()
    out = mlp(x)
    assert out.any()
    # The same sums, perhaps in another order.
    torch.testing.assert_close(out.flatten(3), mlp(x.flatten(3)), rtol=0, atol=1e-12)
