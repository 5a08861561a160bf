"""Spiking self-attention by products: two orders of one product, heads, tokens, and what stands around it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.layers import BINARY, REAL, Linear, Neuron, SpikingSelfAttention, Vocabulary, branch_values, integers
from spikeformers.layers.neurons import LIF
from tests.layers.attention import built
from tests.layers.attention.built import HEADS, B, T, tokens, watch

shortcuts = pytest.mark.parametrize("shortcut", ["sew", "membrane", "vanilla"])


def build(**words: Any) -> SpikingSelfAttention:
    attention = built.build("ssa", **words)
    assert isinstance(attention, SpikingSelfAttention)
    return attention


def run_order(attention: SpikingSelfAttention) -> list[str]:
    """The neurons in the order they are run in."""
    order: list[str] = []
    neurons = [(name, module) for name, module in attention.named_modules() if isinstance(module, Neuron)]
    handles = [
        module.register_forward_pre_hook(lambda module, inputs, name=name: order.append(name))
        for name, module in neurons
    ]
    attention(tokens(5))
    for handle in handles:
        handle.remove()
    return order


def brute_force(q: Tensor, k: Tensor, v: Tensor, heads: int, scale: float) -> Tensor:
    """scale sum over keys and channels, one number after another; channel c = head d + j."""
    steps, batch, dim, N = q.shape
    d = dim // heads
    out = torch.zeros_like(q)
    for t in range(steps):
        for b in range(batch):
            Q, K, V = q[t, b].tolist(), k[t, b].tolist(), v[t, b].tolist()
            for c in range(dim):
                start = c // d * d
                for n in range(N):
                    total = 0
                    for m in range(N):
                        total += V[c][m] * sum(Q[j][n] * K[j][m] for j in range(start, start + d))
                    out[t, b, c, n] = scale * total
    return out


@shortcuts
@pytest.mark.parametrize("N", [1, 3, 4, 9])
def test_it_is_the_sum_over_keys_and_channels_of_a_head(N: int, shortcut: str) -> None:
    seen = watch(build(shortcut=shortcut), tokens(N))
    expected = brute_force(seen["q"], seen["k"], seen["v"], HEADS, 0.125)
    # On spikes every partial sum is an integer, and 1/8 moves the point only: float32 is exact in any order.
    assert torch.equal(seen["attended"], expected)
    assert expected.any()


@pytest.mark.parametrize(("N", "d", "first_product"), [(3, 4, (3, 3)), (4, 4, (4, 4)), (9, 4, (4, 4)), (9, 16, (9, 9))])
def test_the_cheaper_order_is_taken_and_both_are_equal_bit_for_bit(
    N: int, d: int, first_product: tuple[int, int]
) -> None:
    seen = watch(build(dim=HEADS * d), tokens(N, HEADS * d))
    assert seen["inner"].shape == (T, B, HEADS, *first_product)
    q, k, v = (seen[word].view(T, B, HEADS, d, N).transpose(-1, -2) for word in "qkv")  # [T, B, h, N, d]
    keys_first = (q @ (k.transpose(-1, -2) @ v) * 0.125).transpose(-1, -2).reshape(T, B, -1, N)
    queries_first = (q @ k.transpose(-1, -2) @ v * 0.125).transpose(-1, -2).reshape(T, B, -1, N)
    assert torch.equal(keys_first, queries_first)
    assert torch.equal(seen["attended"], keys_first)


@shortcuts
@pytest.mark.parametrize("N", [3, 9])
def test_permuting_tokens_permutes_what_comes_out(N: int, shortcut: str) -> None:
    attention = build(shortcut=shortcut, scale=1.0).double()
    x, order = tokens(N).double(), torch.randperm(N, generator=torch.Generator().manual_seed(2))
    out = attention(x)
    assert not torch.equal(out[..., order], out)
    # The norms sum over tokens in another order, hence 1e-12 where the projection ends in a norm.
    torch.testing.assert_close(attention(x[..., order]), out[..., order], rtol=0, atol=1e-12)


def test_heads_matter() -> None:
    # Without a softmax one might think that heads only regroup a sum; they leave out products across heads.
    x = tokens(6)
    attended = [watch(build(heads=heads), x)["attended"] for heads in (1, 2, 4, 8)]
    for i, one in enumerate(attended):
        for other in attended[i + 1 :]:
            assert not torch.equal(one, other)


def test_a_sample_attends_to_itself_only_and_a_step_not_to_later_ones() -> None:
    attention = build(scale=1.0).eval()
    x = tokens(5)
    other = x.clone()
    other[1, 0] = 2 - other[1, 0]
    seen, changed = attention(x), attention(other)
    assert torch.equal(changed[0], seen[0])
    assert torch.equal(changed[1, 1], seen[1, 1])
    assert not torch.equal(changed[1, 0], seen[1, 0])


def test_spikformers_order() -> None:
    attention = build(bias=True)
    assert run_order(attention) == ["q.neuron", "k.neuron", "v.neuron", "neuron", "projection.neuron"]
    for unit in (attention.q, attention.k, attention.v, attention.projection):
        assert list(unit._modules) == ["linear", "norm", "neuron"]
    for unit in (attention.q, attention.k, attention.v):
        assert isinstance(unit.linear, Linear)
        assert unit.linear.bias is not None
        assert unit.linear.inputs == integers(2)
    assert branch_values("sew", Vocabulary()) == BINARY
    assert BINARY.hold(attention(tokens(5)))


def test_spikingformers_order() -> None:
    attention = build(shortcut="membrane")
    assert run_order(attention) == ["input_neuron", "q.neuron", "k.neuron", "v.neuron", "neuron"]
    assert list(attention.projection._modules) == ["linear", "norm"]
    for unit in (attention.q, attention.k, attention.v):
        assert [name for name, _ in unit.named_parameters()] == ["linear.weight", "norm.weight", "norm.bias"]
        assert isinstance(unit.linear, Linear)
        assert unit.linear.inputs == BINARY
    assert isinstance(attention.projection.linear, Linear)
    assert attention.projection.linear.bias is not None
    assert branch_values("membrane", Vocabulary()) == REAL
    x = tokens(5)
    assert attention.input_neuron is not None
    spikes = attention.input_neuron(x)
    q = watch(attention, x)["q"]
    assert torch.equal(q, attention.q(spikes))


def test_the_product_has_a_threshold_and_a_scale_of_its_own() -> None:
    attention = build(scale=0.25, v_threshold=0.75)
    thresholds = {
        name: module.dynamics.v_threshold for name, module in attention.named_modules() if isinstance(module, LIF)
    }
    assert thresholds.pop("neuron") == 0.75
    assert set(thresholds.values()) == {1.0}
    halved, seen = watch(build(scale=0.125), tokens(5)), watch(attention, tokens(5))
    assert torch.equal(seen["attended"], 2 * halved["attended"])
    assert attention.outer.op_spec().scale == 0.25
    assert attention.inner.op_spec().scale == 1


def test_declared_values_of_the_products() -> None:
    attention = build()
    assert attention.inner.op_spec().inputs == (BINARY, BINARY)
    assert attention.outer.op_spec().inputs == (BINARY, integers(None))
    analog = build(vocabulary=Vocabulary(neuron="pliaf"))
    assert analog.outer.op_spec().inputs == (REAL, REAL)


@pytest.mark.parametrize(("init", "largest"), [("trunc_normal", 0.2), ("kaiming_uniform", 8**-0.5)])
def test_the_initialisation_of_the_projections(init: Any, largest: float) -> None:
    attention = build(init=init, bias=True)
    for unit in (attention.q, attention.k, attention.v, attention.projection):
        assert isinstance(unit.linear, Linear)
        assert unit.linear.weight.abs().max() <= largest
        assert unit.linear.bias.any() == (init == "kaiming_uniform")
