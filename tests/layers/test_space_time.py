"""Attention over space and time against a token-by-token formula, and who influences whom."""

from __future__ import annotations

import math
from itertools import product
from typing import get_args

import pytest
import torch
from torch import Tensor

from spikeformers.errors import NotStreamable
from spikeformers.layers import REAL, AttentionBranch, LayerNorm, Memory, SpaceTimeAttention, attention_branches
from spikeformers.layers.op_spec import DescribesItself
from spikeformers.layers.space_time import Direction

T, B, C, H, W, HEADS = 3, 2, 8, 2, 3, 2
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

every_direction = pytest.mark.parametrize("along", DIRECTIONS)


def build(along: Direction, heads: int = HEADS) -> SpaceTimeAttention:
    torch.manual_seed(0)
    attention = SpaceTimeAttention(C, heads, along).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return attention


def tokens() -> Tensor:
    return torch.randn(T, B, C, H, W, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


Token = tuple[int, int, int]


def seen_from(token: Token, along: Direction) -> list[Token]:
    """The tokens (t, y, x) of its sample that a token attends to."""
    return [
        other
        for other in product(range(T), range(H), range(W))
        if along == "joint" or (other[0] == token[0] if along == "spatial" else other[1:] == token[1:])
    ]


def brute_force(attention: SpaceTimeAttention, x: Tensor, along: Direction) -> Tensor:
    out = torch.zeros_like(x)
    d = C // attention.heads
    for b, token in product(range(B), product(range(T), range(H), range(W))):
        t, i, j = token
        q = attention.qkv.weight[:C] @ x[t, b, :, i, j]
        others = [x[u, b, :, y, z] for u, y, z in seen_from(token, along)]
        mixed = torch.zeros(C, dtype=x.dtype)
        for head in range(attention.heads):
            own = slice(head * d, (head + 1) * d)
            keys = [attention.qkv.weight[C : 2 * C][own] @ other for other in others]
            values = [attention.qkv.weight[2 * C :][own] @ other for other in others]
            scores = [math.exp(float(q[own] @ key) / math.sqrt(d)) for key in keys]
            mixed[own] = sum(s * v for s, v in zip(scores, values, strict=True)) / sum(scores)
        out[t, b, :, i, j] = attention.projection.weight @ mixed + attention.projection.bias
    return out


@torch.no_grad()
@every_direction
@pytest.mark.parametrize("heads", [1, 2, 8])
def test_it_is_multi_head_softmax_attention(along: Direction, heads: int) -> None:
    attention, x = build(along, heads), tokens()
    # The same sums in another order, of numbers around 1: 1e-12 in float64.
    torch.testing.assert_close(attention(x), brute_force(attention, x, along), rtol=0, atol=1e-12)


@torch.no_grad()
@every_direction
def test_maps_and_tokens_are_alike(along: Direction) -> None:
    attention, x = build(along), tokens()
    torch.testing.assert_close(attention(x.flatten(3)), attention(x).flatten(3), rtol=0, atol=1e-12)


@torch.no_grad()
@every_direction
def test_a_token_is_influenced_by_those_it_attends_to_and_no_other(along: Direction) -> None:
    branch = AttentionBranch(C, HEADS, along).double()
    for parameter in branch.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x = tokens()
    changed = x.clone()
    t, i, j = token = (1, 0, 2)
    changed[t, 0, :, i, j] += torch.randn(C, dtype=torch.float64)
    moved = (branch(changed) - branch(x)).abs().amax(2)  # [T, B, H, W]
    assert not moved[:, 1].any()  # the other sample
    for other in product(range(T), range(H), range(W)):
        u, y, z = other
        assert (moved[u, 0, y, z] > 1e-9) == (token in seen_from(other, along)), other


@every_direction
def test_what_attends_over_time_cannot_be_streamed(along: Direction) -> None:
    attention, x = build(along), tokens()
    if along == "spatial":
        assert torch.equal(attention(x, Memory({})), attention(x))
    else:
        with pytest.raises(NotStreamable, match=rf"{along} attention looks at all time steps.*in one call"):
            attention(x, Memory({}))


def test_divided_is_temporal_then_spatial_and_every_other_word_one_branch() -> None:
    assert list(attention_branches("divided", C, HEADS)) == ["temporal", "spatial"]
    for along in DIRECTIONS:
        branches = attention_branches(along, C, HEADS)
        assert list(branches) == [along]
        branch = branches[along]
        assert isinstance(branch, AttentionBranch)
        assert branch.attention.along == along
        assert isinstance(branch.norm, LayerNorm)


def test_a_temporal_branch_starts_at_zero_and_learns() -> None:
    torch.manual_seed(0)
    for along in DIRECTIONS:
        branch, x = AttentionBranch(C, HEADS, along).double(), tokens()
        out = branch(x)
        assert out.any() == (along != "temporal")
        if along == "temporal":
            assert branch.linear is not None
            out.backward(torch.randn_like(out))
            assert branch.linear.weight.grad is not None
            assert branch.linear.weight.grad.any()
        else:
            assert branch.linear is None


def test_everything_is_declared_real() -> None:
    branch = AttentionBranch(C, HEADS, "temporal")
    operations = [module.op_spec() for module in branch.modules() if isinstance(module, DescribesItself)]
    assert [spec.kind for spec in operations] == ["linear", "product", "product", "linear", "linear"]
    assert {values for spec in operations for values in spec.inputs} == {REAL}
    assert operations[0].weight_shape == (3 * C, C)
    assert [spec.bias for spec in operations] == [False, False, False, True, True]
    assert operations[1].scale == (C // HEADS) ** -0.5
