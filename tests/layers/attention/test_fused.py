"""Attention run as one operation: where it is, where it is not, and that nobody can tell by the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers import native
from spikeformers.layers import Memory, SpikingSelfAttention, Vocabulary
from spikeformers.layers.attention import products
from tests.layers.attention.built import build, tokens

needs_the_core = pytest.mark.skipif(native.library() is None, reason=native.status().reason)


@pytest.fixture(autouse=True)
def _at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is right also where it is not the faster way."""
    monkeypatch.setattr(products, "LEAST_CHANNELS", 1)


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """What the fused operation gave."""
    given: list[Tensor] = []

    def kept(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def operation(*args: Any, **words: Any) -> Tensor:
            given.append(run(*args, **words))
            return given[-1]

        return operation

    monkeypatch.setattr(products, "product_attention", kept(products.product_attention))
    return given


def gradients(attention: SpikingSelfAttention, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    torch.manual_seed(5)
    out = attention(x)
    loss = (out * torch.randn_like(out)).sum()
    return out, list(torch.autograd.grad(loss, list(attention.parameters())))


@needs_the_core
@pytest.mark.parametrize("neuron", ["lif", "if", "plif"])
@pytest.mark.parametrize("shortcut", ["sew", "membrane"])
@pytest.mark.parametrize("N", [3, 9])
def test_it_is_what_the_parts_are(
    N: int, shortcut: str, neuron: str, fused: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    attention = build("ssa", shortcut=shortcut, vocabulary=Vocabulary(neuron=neuron), scale=0.5)
    assert isinstance(attention, SpikingSelfAttention)
    out, grads = gradients(attention, tokens(N))
    assert len(fused) == 1
    assert 0 < fused[0].mean() < 1
    monkeypatch.setenv("SPIKEFORMERS_BACKEND", "attention=reference")
    expected, parts_grads = gradients(attention, tokens(N))
    assert len(fused) == 1
    torch.testing.assert_close(out, expected)
    for mine, theirs in zip(grads, parts_grads, strict=True):
        # Biases in front of a norm have no gradient but rounding.
        assert (mine - theirs).norm() <= 1e-5 * theirs.norm() + 1e-5


@needs_the_core
def test_values_may_be_wider(fused: list[Tensor]) -> None:
    attention = build("ssa", value_dim=16)
    assert isinstance(attention, SpikingSelfAttention)
    out = attention(tokens(9))
    assert fused[0].shape[-1] == 16
    handle = attention.neuron.register_forward_hook(lambda *_: None)
    assert torch.equal(attention(tokens(9)), out)
    handle.remove()


@needs_the_core
@pytest.mark.parametrize("part", ["inner", "outer", "neuron"])
def test_whoever_watches_a_part_sees_it_called(part: str, fused: list[Tensor]) -> None:
    attention, calls = build("ssa"), []
    attention.get_submodule(part).register_forward_hook(lambda *_: calls.append(part))
    attention(tokens(9))
    assert calls == [part]
    assert not fused


@needs_the_core
@pytest.mark.parametrize("word", ["sdsa4", "xnor_ssa"])
def test_other_products_run_in_their_parts(word: str, fused: list[Tensor]) -> None:
    build(word)(tokens(8))
    assert not fused


@needs_the_core
def test_a_neuron_of_other_dynamics_and_a_stream_run_in_their_parts(fused: list[Tensor]) -> None:
    build("ssa", vocabulary=Vocabulary(neuron="psn"))(tokens(9))
    build("ssa")(tokens(9)[:1], Memory({}))
    assert not fused
