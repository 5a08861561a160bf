"""Attention maps: equal to loops over queries, keys and heads, of every form of attention, in every model."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spikeformers.layers import ATTENTIONS, SelfAttention, ShowsAttention, SpaceTimeAttention, SpikingSelfAttention
from spikeformers.measure import AttentionMap, attention_maps
from spikeformers.models import fuse, unroll
from tests.layers.attention.built import DIM, HEADS, B, T, build, randomise
from tests.models.tiny import random_input, smallest, tiny_model


def outputs_of(attention: nn.Module, names: tuple[str, ...], x: Tensor) -> tuple[dict[str, np.ndarray], Tensor]:
    """What modules inside gave, and the one map that was shown."""
    seen: dict[str, np.ndarray] = {}
    shown: list[Tensor] = []
    assert isinstance(attention, ShowsAttention)
    handles = [
        attention.get_submodule(name).register_forward_hook(
            lambda module, inputs, out, name=name: seen.update({name: out.numpy()})
        )
        for name in names
    ]
    handles += attention.show_maps(shown.append)
    with torch.no_grad():
        attention(x)
    for handle in handles:
        handle.remove()
    (received,) = shown
    return seen, received


def stream(size: tuple[int, ...]) -> Tensor:
    return torch.randint(0, 4, (T, B, DIM, *size), generator=torch.Generator().manual_seed(5)).double()


def spiking(word: str, **words: Any) -> SelfAttention:
    attention = build(word, **words)
    randomise(attention)
    return attention.double().eval()


# Four channels in a head: two positions take Q K^T first, six and fifteen K^T V.
SIZES = [(2,), (1, 2), (6,), (3, 5)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("word", ["ssa", "sdsa3", "sdsa4"])
def test_a_product_receives_what_its_queries_and_keys_share(word: str, size: tuple[int, ...]) -> None:
    seen, received = outputs_of(spiking(word), ("q", "k"), stream(size))
    q, k = (seen[name].reshape(T, B, HEADS, DIM // HEADS, -1) for name in "qk")
    N = q.shape[-1]
    expected = np.zeros((T, B, N))
    for t in range(T):
        for b in range(B):
            for head in range(HEADS):
                for query in range(N):
                    for key in range(N):
                        expected[t, b, key] += q[t, b, head, :, query] @ k[t, b, head, :, key]
    assert received.shape == (T, B, *size)
    assert np.array_equal(received.numpy().reshape(T, B, N), expected)
    assert expected.any()
    assert len(np.unique(expected)) > 2


@pytest.mark.parametrize("size", SIZES)
def test_both_orders_of_the_products_give_the_same_map(size: tuple[int, ...], monkeypatch: Any) -> None:
    """The other order is taken by telling `attend` that there are as many positions as channels, or fewer."""
    attention, x = spiking("ssa"), stream(size)
    assert isinstance(attention, SpikingSelfAttention)
    inner, usual = outputs_of(attention, ("inner",), x)
    N, d = int(np.prod(size)), DIM // HEADS

    def other_order(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if d > N:
            return attention.outer(q.mT, attention.inner(v, k.mT).mT).mT
        return attention.outer(v, attention.inner(k.mT, q))

    monkeypatch.setattr(attention, "attend", other_order)
    inner_again, other = outputs_of(attention, ("inner",), x)
    assert {inner["inner"].shape[-1], inner_again["inner"].shape[-1]} == {N, d}
    assert torch.equal(usual, other)
    # The scores of Q K^T, keys by queries, are what the products themselves saw of it.
    scores = inner["inner"] if d > N else inner_again["inner"]
    assert np.array_equal(scores.sum((2, 4)), usual.numpy().reshape(T, B, N))


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_attention_in_chunks_receives_from_all_queries_of_its_chunk(chunk: int) -> None:
    seen, received = outputs_of(spiking(f"statten(chunk={chunk})", grid=(3, 5)), ("q", "k"), stream((3, 5)))
    q, k = (seen[name].reshape(T, B, DIM, 15) for name in "qk")
    expected = np.zeros((T, B, 15))
    for t, s, key in np.ndindex(T, T, 15):
        if t // chunk == s // chunk:
            expected[t, :, key] += np.einsum("bcn,bc->b", q[s], k[t, :, :, key])
    assert np.array_equal(received.numpy().reshape(T, B, 15), expected)
    assert expected.any()


def test_agreement_receives_what_queries_and_keys_share_silence_included() -> None:
    seen, received = outputs_of(spiking("xnor_ssa(a=0.5)"), ("q", "k"), stream((6,)))
    q, k = (seen[name].reshape(T, B, DIM, 6) for name in "qk")
    expected = np.zeros((T, B, 6))
    for t, b, channel, query, key in np.ndindex(T, B, DIM, 6, 6):
        together = q[t, b, channel, query] + k[t, b, channel, key]
        expected[t, b, key] += {0: 0.5, 1: 0, 2: 1}[together]
    assert np.array_equal(received.numpy(), expected)
    assert len(np.unique(expected)) > 2


def test_real_keys_receive_sums_over_queries_that_spike() -> None:
    seen, received = outputs_of(spiking("a2os2a"), ("q", "k"), stream((6,)))
    expected = np.zeros((T, B, 6))
    for t, b, channel, query in np.ndindex(T, B, DIM, 6):
        if seen["q"][t, b, channel, query]:
            expected[t, b] += seen["k"][t, b, channel]
    np.testing.assert_allclose(received.numpy(), expected, rtol=1e-12)
    assert len(np.unique(expected)) > 10


def test_a_frozen_map_leads_to_as_many_tokens_whatever_they_hold() -> None:
    attention, units = spiking("frozen"), torch.eye(15).double()
    _, received = outputs_of(attention, (), stream((3, 5)))
    _, again = outputs_of(attention, (), stream((3, 5)).flip(0))
    product = attention.get_submodule("product")
    # Each token by itself, through the product alone: how many tokens of all heads it gets to.
    reached = product(units, attention.map(15).double().mT).sum((0, 2)) / product.scale  # type: ignore[operator]
    assert torch.equal(received, reached.view(3, 5).expand(T, B, 3, 5))
    assert torch.equal(again, received)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("word", ["sdsa1", "sdsa2"])
def test_a_mask_receives_the_spikes_that_pass(word: str, size: tuple[int, ...]) -> None:
    attention = spiking(word, v_threshold=0.4)
    seen, received = outputs_of(attention, ("q", "v", "neuron"), stream(size))
    gated = seen["q" if word == "sdsa1" else "v"].reshape(T, B, DIM, -1)
    mask = seen["neuron"].reshape(T, B, DIM)
    expected = np.zeros((T, B, gated.shape[-1]))
    for t, b, channel in np.ndindex(T, B, DIM):
        if mask[t, b, channel]:
            expected[t, b] += gated[t, b, channel]
    assert np.array_equal(received.numpy().reshape(expected.shape), expected)
    assert expected.any()
    assert 0 < mask.mean() < 1


def test_a_dilated_mask_shows_the_spikes_behind_the_dilation() -> None:
    attention = spiking("sdsa1", erode=True)
    projected: list[Tensor] = []
    attention.projection.register_forward_pre_hook(lambda module, inputs: projected.append(inputs[0]))
    _, received = outputs_of(attention, (), stream((3, 5)))
    assert torch.equal(received, projected[0].sum(2))
    assert received.any()


def softmax_weights(q: np.ndarray, k: np.ndarray) -> np.ndarray:
    """One head, [N, d] each -> [N, N], queries by keys."""
    weights = np.empty((len(q), len(k)))
    for i, query in enumerate(q):
        scores = np.array([query @ key for key in k]) / np.sqrt(q.shape[1])
        weights[i] = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    return weights


@pytest.mark.parametrize("size", SIZES)
def test_softmax_attention_receives_its_mean_weights(size: tuple[int, ...]) -> None:
    seen, received = outputs_of(spiking("softmax"), ("q", "k"), stream(size))
    q, k = (seen[name].reshape(T, B, HEADS, DIM // HEADS, -1) for name in "qk")
    expected = np.zeros((T, B, q.shape[-1]))
    for t, b, head in np.ndindex(T, B, HEADS):
        expected[t, b] += softmax_weights(q[t, b, head].T, k[t, b, head].T).mean(0) / HEADS
    # Float64 sums in another order.
    np.testing.assert_allclose(received.numpy().reshape(expected.shape), expected, rtol=1e-10)
    np.testing.assert_allclose(received.sum(tuple(range(2, received.dim()))), 1, rtol=1e-10)


@pytest.mark.parametrize("along", ["temporal", "spatial", "joint"])
def test_attention_over_space_and_time_receives_its_mean_weights(along: Any) -> None:
    torch.manual_seed(0)
    attention, size = SpaceTimeAttention(DIM, HEADS, along).double(), (2, 3)
    seen, received = outputs_of(attention, ("qkv",), 30 * stream(size))
    q, k = (part.reshape(T, B, HEADS, DIM // HEADS, 6) for part in np.split(seen["qkv"], 3, axis=2)[:2])
    expected = np.zeros((T, B, 6))
    for b, head in np.ndindex(B, HEADS):
        if along == "spatial":
            for t in range(T):
                expected[t, b] += softmax_weights(q[t, b, head].T, k[t, b, head].T).mean(0) / HEADS
        elif along == "temporal":
            for n in range(6):
                expected[:, b, n] += softmax_weights(q[:, b, head, :, n], k[:, b, head, :, n]).mean(0) / HEADS
        else:
            everything = [part[:, b, head].transpose(0, 2, 1).reshape(T * 6, -1) for part in (q, k)]
            expected[:, b] += softmax_weights(*everything).mean(0).reshape(T, 6) / HEADS
    assert received.shape == (T, B, *size)
    np.testing.assert_allclose(received.numpy().reshape(expected.shape), expected, rtol=1e-10)
    assert received.std() > 0.01


# ---- models --------------------------------------------------------------------------------------------------------

NAMES = {
    "spikformer_4_384.cifar10": ["blocks.0.attention", "blocks.1.attention"],
    "spikingformer_2_256.cifar10dvs": ["blocks.0.attention", "blocks.1.attention"],
    "sdt_2_256.cifar10dvs": ["blocks.0.attention", "blocks.1.attention"],
    "meta_spikeformer_55m_t4_kd.imagenet": ["stages.3.blocks.0.attention", "stages.4.blocks.0.attention"],
    "e_spikeformer_19m.imagenet": ["stages.3.blocks.0.attention", "stages.4.blocks.0.attention"],
    "spikeformer_7_256.dvs128gesture": [
        f"blocks.{block}.{along}.attention" for block in (0, 1) for along in ("temporal", "spatial")
    ],
}
OVER = {"temporal": "time", "spatial": "space", "blocks": "space"}


@pytest.mark.parametrize("name", NAMES)
def test_every_model_shows_all_its_attentions(name: str) -> None:
    # A map that is wider than high: rows and columns cannot be taken for each other.
    model = tiny_model(name)
    maps = attention_maps(model, random_input(model, 2, tokens=(2, 3)))
    assert [each.name for each in maps] == NAMES[name]
    time_steps = model.config.time_steps
    for each in maps:
        assert each.values.shape == (2, time_steps, 2, 3)
        assert np.isfinite(each.values).all()
        assert each.over == next((over for word, over in OVER.items() if word in each.name.split(".")), "space")
        assert each.meaning.startswith("the ")
    assert any(each.values.std() for each in maps)


def test_maps_are_of_each_sample_alone() -> None:
    model = tiny_model("spikformer_4_384.cifar10")
    x = random_input(model, 3)
    together = attention_maps(model, x)
    for b in range(3):
        for whole, single in zip(together, attention_maps(model, x[b : b + 1]), strict=True):
            # On another batch size sums of real numbers may round differently; a spike or two may differ.
            assert np.abs(whole.values[b] - single.values[0]).mean() <= 0.05 * np.abs(whole.values).mean()


def test_a_model_without_attention_has_no_maps() -> None:
    model = smallest()
    model.blocks = nn.ModuleList()
    assert attention_maps(model, random_input(model, 1)) == ()


def test_unrolled_integers_attend_as_before() -> None:
    model = tiny_model("e_spikeformer_19m.imagenet").double()
    x = random_input(model, 1).double()
    for one, other in zip(attention_maps(model, x), attention_maps(unroll(model), x), strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        assert one.values.any()


def test_a_fused_model_attends_as_before() -> None:
    model = tiny_model("spikformer_4_384.cifar10").double()
    x = random_input(model, 1).double()
    fused, _ = fuse(model)
    for one, other in zip(attention_maps(model, x), attention_maps(fused, x), strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_an_ann_twin_shows_its_softmax() -> None:
    model = tiny_model("spikformer_4_384.cifar10", ann="relu")
    for each in attention_maps(model, random_input(model, 2)):
        np.testing.assert_allclose(each.values.sum((2, 3)), 1, rtol=1e-5)


TRANSFORMS = ("fourier", "haar")  # which attend to nothing


@pytest.mark.parametrize("word", ATTENTIONS)
def test_every_word_has_maps_and_says_what_they_hold(word: str) -> None:
    attention = build(word, grid=(4, 4))
    shows = [module for module in attention.modules() if isinstance(module, ShowsAttention)]
    assert len(shows) == {**dict.fromkeys(TRANSFORMS, 0), "divided": 2}.get(word, 1)
    over = {"divided": ["time", "space"], "temporal": ["time"]}.get(word, ["space"])
    over = ["space and time"] if word in ("statten", "joint") else over
    assert [each.over for each in shows] == over[: len(shows)]
    assert all(each.shown.startswith("the ") for each in shows)


@pytest.mark.parametrize(("over", "axes"), [("space", (2, 3)), ("time", (1,)), ("space and time", (1, 2, 3))])
def test_relative_is_to_the_mean_of_what_competes(over: Any, axes: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 5, (2, 3, 2, 4)).astype(float)
    values[0] = 0
    relative = AttentionMap(name="a", call=0, meaning="the b", over=over, values=values).relative()
    assert not relative[0].any()
    np.testing.assert_allclose(relative[1:].mean(axes), 1)
    ratio = relative[1:] / values[1:].mean(axes, keepdims=True) ** -1
    np.testing.assert_allclose(ratio, values[1:])


def test_a_result_is_plain_data_and_the_model_is_left_alone() -> None:
    model = smallest().train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    (each,) = attention_maps(model, random_input(model, 2))
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    plain = json.loads(json.dumps(each.to_dict()))
    assert plain["values"] == each.values.tolist()
    assert (plain["name"], plain["call"], plain["over"]) == ("blocks.0.attention", 0, "space")
