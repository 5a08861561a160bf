"""Local attention: strided groups, attention within each and nowhere else, and what it is at its ends."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers import SelfAttention, Vocabulary
from spikeformers.layers.attention.local import LocalSoftmaxSelfAttention, join_phases, split_by_phase
from spikeformers.layers.attention.softmax import SoftmaxSelfAttention
from spikeformers.measure import count
from tests.layers.attention.built import DIM, HEADS, B, T, build, randomise

ANN = Vocabulary(neuron="relu", ann=True)


def stream(height: int, width: int, seed: int = 5) -> Tensor:
    return torch.randint(0, 4, (T, B, DIM, height, width), generator=torch.Generator().manual_seed(seed)).double()


def attention(word: str, **words: Any) -> SelfAttention:
    built = build(word, grid=None, **words)
    randomise(built)
    return built.double().eval()


def test_position_h_w_is_in_group_2_h_mod_2_plus_w_mod_2() -> None:
    H, W = 4, 6
    index = torch.arange(H * W).view(1, 1, 1, H, W)
    groups = split_by_phase(index, 2)
    assert groups.shape == (1, 4, 1, 2, 3)
    for h in range(H):
        for w in range(W):
            assert groups[0, 2 * (h % 2) + w % 2, 0, h // 2, w // 2] == h * W + w


@given(group=st.integers(1, 4), rows=st.integers(1, 3), columns=st.integers(1, 3), batch=st.integers(1, 3))
def test_splitting_and_joining_is_the_identity(group: int, rows: int, columns: int, batch: int) -> None:
    x = torch.randn(2, batch, 3, group * rows, group * columns)
    groups = split_by_phase(x, group)
    assert groups.shape == (2, batch * group**2, 3, rows, columns)
    assert torch.equal(join_phases(groups, group), x)


def test_groups_of_a_sample_follow_each_other() -> None:
    x = torch.stack([torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)], dim=1)  # two samples
    assert split_by_phase(x, 2).flatten().tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(("local", "whole"), [("local_ssa", "ssa"), ("local_softmax", "softmax")])
def test_one_group_is_attention_over_the_whole_map(local: str, whole: str) -> None:
    vocabulary = ANN if whole == "softmax" else Vocabulary()
    one, other = (attention(word, vocabulary=vocabulary) for word in (f"{local}(group=1)", whole))
    other.load_state_dict(one.state_dict())
    x = stream(3, 5)
    assert hasattr(one, "group")
    found, expected = one(x), other(x)
    assert torch.equal(found, expected)
    assert found.any()


@pytest.mark.parametrize("group", [2, 3])
def test_each_group_is_attended_to_as_a_map_of_its_own(group: int) -> None:
    """Every other part works position by position, so that attention over one group alone gives its part."""
    local, whole = attention(f"local_ssa(group={group})", scale=0.5), attention("ssa", scale=0.5)
    whole.load_state_dict(local.state_dict())
    x = stream(2 * group, group)
    found = local(x)
    for row in range(group):
        for column in range(group):
            alone = whole(x[..., row::group, column::group])
            assert torch.equal(found[..., row::group, column::group], alone)
    assert not torch.equal(found, whole(x))


def test_tokens_of_different_phases_do_not_see_each_other() -> None:
    x = stream(4, 4)
    changed = x.clone()
    changed[..., 1::2, 0::2] = stream(2, 2, seed=6)  # group 2
    for word, differs in (("local_ssa", False), ("ssa", True)):
        mixing = attention(word, scale=0.5)
        before, after = mixing(x), mixing(changed)
        assert not torch.equal(before[..., 1::2, 0::2], after[..., 1::2, 0::2])
        others = [before[..., r::2, c::2].ne(after[..., r::2, c::2]).any() for r, c in ((0, 0), (0, 1), (1, 1))]
        assert any(others) == differs


def test_received_is_that_of_each_group_in_its_place() -> None:
    """For the key at each position, the sum of q · k over the queries of its phase and all heads, by loops."""
    local = attention("local_ssa")
    seen: dict[str, Tensor] = {}
    shown: list[Tensor] = []
    handles = [
        local.get_submodule(name).register_forward_hook(lambda m, i, out, name=name: seen.update({name: out}))
        for name in "qk"
    ]
    handles += local.show_maps(shown.append)
    local(stream(2, 4))
    for handle in handles:
        handle.remove()
    (received,) = shown
    assert received.shape == (T, B, 2, 4)
    q, k = (seen[name].unflatten(2, (HEADS, -1)) for name in "qk")
    for h in range(2):
        for w in range(4):
            queries = q[..., h % 2 :: 2, w % 2 :: 2].sum((-1, -2))
            expected = (queries * k[..., h, w]).sum((2, 3))
            assert torch.equal(received[..., h, w], expected)
    assert received.any()


def test_received_softmax_weights_sum_to_one_in_each_group() -> None:
    local = attention("local_softmax", vocabulary=ANN)
    shown: list[Tensor] = []
    local.show_maps(shown.append)
    local(stream(4, 6))
    received = shown[0]
    for row in range(2):
        for column in range(2):
            sums = received[..., row::2, column::2].sum((-1, -2))
            torch.testing.assert_close(sums, torch.ones(T, B, dtype=torch.float64), rtol=0, atol=1e-12)


def test_products_are_counted_by_group() -> None:
    """Two products of n x n x d for each head and group at each time step, with n = H W / 4 tokens; no other order."""
    local, x = attention("local_ssa"), stream(4, 6)
    rows = [row for row in count(_Batched(local), x.transpose(0, 1)).rows if row.kind == "product"]
    n, d = 6, DIM // HEADS
    assert [row.dense for row in rows] == [T * B * 4 * HEADS * n * d * d] * 2  # K^T V first: n > d


class _Batched(torch.nn.Module):
    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x.transpose(0, 1))
        return out


@pytest.mark.parametrize("size", [(3, 4), (4, 3)])
def test_sizes_that_do_not_divide_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="multiples of 2"):
        attention("local_ssa")(stream(*size))
    with pytest.raises(ConfigError, match=f"got {size[0]} x {size[1]} tokens"):
        build("local_ssa", grid=size)


def test_tokens_without_a_map_are_refused() -> None:
    with pytest.raises(InputError, match=r"maps \[T, B, C, H, W\]"):
        attention("local_ssa")(stream(2, 2).flatten(3))


def test_a_group_of_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        build("local_ssa(group=0)")


def test_the_ann_twin_stays_local_with_the_same_groups() -> None:
    twin = build("local_ssa(group=3)", vocabulary=ANN, grid=(3, 6))
    assert isinstance(twin, LocalSoftmaxSelfAttention)
    assert twin.group == 3
    assert type(build("ssa(order=kv)", vocabulary=ANN)) is SoftmaxSelfAttention
