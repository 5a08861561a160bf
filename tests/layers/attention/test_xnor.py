"""Attention by agreement: SSA where silence weighs nothing, symmetric in spikes and silence where it weighs as much."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.layers import Vocabulary
from spikeformers.layers.attention.xnor import XnorSelfAttention
from spikeformers.measure import audit
from tests.layers.attention.built import DIM, HEADS, B, T, build, tokens
from tests.models.tiny import random_input, tiny_model


def heads(seed: int, tokens: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (T, B, HEADS, DIM // HEADS, tokens), generator=generator).float()


def xnor(word: str, **words: Any) -> XnorSelfAttention:
    attention = build(word, **words)
    assert isinstance(attention, XnorSelfAttention)
    return attention


def test_without_weight_of_silence_it_is_ssa_bit_for_bit() -> None:
    x = tokens(6)
    assert torch.equal(build("xnor_ssa(a=0)")(x), build("ssa")(x))
    q, k, v = heads(1), heads(2), heads(3)
    assert not torch.equal(xnor("xnor_ssa").attend(q, k, v), xnor("xnor_ssa(a=0)").attend(q, k, v))


def test_with_weight_one_spikes_and_silence_may_change_places() -> None:
    attention, q, k, v = xnor("xnor_ssa(a=1)"), heads(1), heads(2), heads(3)
    assert torch.equal(attention.attend(q, k, v), attention.attend(1 - q, 1 - k, v))
    other = xnor("xnor_ssa(a=0.5)")
    assert not torch.equal(other.attend(q, k, v), other.attend(1 - q, 1 - k, v))


def test_queries_and_keys_may_change_places() -> None:
    """The similarity is symmetric: with one-hot values it is what comes out, transposed."""
    N = DIM // HEADS
    attention, q, k = xnor("xnor_ssa(a=0.25)"), heads(1, N), heads(2, N)
    units = torch.eye(N).expand(T, B, HEADS, N, N)
    assert torch.equal(attention.attend(q, k, units), attention.attend(k, q, units).mT)


@pytest.mark.parametrize("count", [3, 6, 20])
def test_orders_are_equal_bit_for_bit_at_a_weight_of_a_power_of_two(count: int) -> None:
    q, k, v = heads(1, count), heads(2, count), heads(3, count)
    outs = [xnor(f"xnor_ssa(order={order})").attend(q, k, v) for order in ("qk", "kv", "cheaper")]
    assert torch.equal(outs[0], outs[1])
    assert torch.equal(outs[0], outs[2])


def test_all_silent_is_as_alike_as_weight_and_channels_say() -> None:
    silent, v = torch.zeros_like(heads(1)), torch.ones_like(heads(1))
    attention = xnor("xnor_ssa(a=0.5)", scale=1.0)
    assert torch.equal(attention.attend(silent, silent, v), torch.full_like(v, 0.5 * DIM / HEADS * 6))


@pytest.mark.parametrize("neuron", ["ternary", "integer", "relu"])
def test_only_spikes_have_a_silence(neuron: str) -> None:
    with pytest.raises(ConfigError, match=rf"compares spikes with silence, 1 with 0, and the neuron '{neuron}' emits"):
        build("xnor_ssa", vocabulary=Vocabulary(neuron=neuron))


def test_a_weight_that_is_none() -> None:
    with pytest.raises(ConfigError, match="a is the weight of joint silence, 0 or more; got -1"):
        build("xnor_ssa(a=-1)")


def test_audited_as_additions_only_by_proof() -> None:
    model = tiny_model("spikingformer_4_384.cifar10", attention="xnor_ssa")
    rows = [row for row in audit(model, random_input(model, 2)).rows if "blocks.0.attention" in row.name]
    assert len(rows) == 8
    assert {(row.verdict, row.evidence) for row in rows} == {("additions only", "proof")}
