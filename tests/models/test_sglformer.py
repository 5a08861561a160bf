"""SGLFormer: published sizes, its two forms, its words, and what their released code does to a batch."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

import spikeformers
from spikeformers.errors import CheckpointError, ConfigError, InputError, NotStreamable, SpikeformersError
from spikeformers.layers import LocalConvolution, MatrixProduct, SpikingSelfAttention, integers
from spikeformers.layers.attention.local import LocalSelfAttention
from spikeformers.models import SGLFormer, fuse, unroll
from tests.golden_rules import fill_state, golden, golden_input
from tests.models.tiny import random_input, tiny_model

CIFAR = "sglformer_4_384.cifar10"
EVENTS = "sglformer_4_256.cifar10dvs"
IMAGENET = "sglformer_8_512.imagenet"
STAR = "sglformer_8_512_star.imagenet"


def build(name: str, dtype: torch.dtype = torch.float64, **words: Any) -> SGLFormer:
    file = golden(name)
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    model = spikeformers.convert.load_official(state, "sglformer", file["variant"], {**file["config"], **words})
    assert isinstance(model, SGLFormer)
    return model.to(dtype)


def by_hand(config: dict[str, Any]) -> int:
    """Weights, norms (two numbers a channel) and biases, part by part."""
    D, K, r, local = config["dim"], config["num_classes"], config["mlp_ratio"], config["local_ratio"]
    imagenet = config["form"] == "imagenet"
    widths = [config["in_channels"], D // (8 if imagenet else 6), D // 4, D // 2, D, D]
    stem = sum(9 * a * b + 2 * b for a, b in pairwise(widths))
    convolutions = 11 * D + local * D * (D + 2) + 11 * local * D + D * (local * D + 2)
    pair = 4 * D * (D + 2) + 2 * r * D * D + 2 * r * D + 2 * D
    extra = D + r * D + D + 4 * D if imagenet else 0  # biases, and two norms that are never used
    tokens = math.prod(config["image_size"]) // 4 ** config["pooling"].count("1")
    head = (D * tokens * config["time_steps"] + D + 2 * D) if config["head"] == "plane" else 0
    return stem + convolutions + pair + config["global_pairs"] * (pair + extra) + head + (D + 1) * K


# Of the specification, to the digit; and of the README's table, cut off after two digits.
SIZES = {
    "sglformer_8_384.imagenet": (16_248_856, 16.24),
    "sglformer_8_512.imagenet": (28_671_016, 28.67),
    "sglformer_8_512_star.imagenet": (28_671_016, 28.67),
    "sglformer_8_768_star.imagenet": (64_024_648, 64.02),
    "sglformer_4_384.cifar10": (8_852_874, 8.85),
    "sglformer_4_384.cifar100": (8_887_524, 8.88),
    "sglformer_4_256.cifar10dvs": (4_066_130, None),
    "sglformer_3_256.cifar10dvs": (None, 2.48),
    "sglformer_3_256_t16.cifar10dvs": (None, 2.58),
    "sglformer_3_256.dvs128gesture": (None, 2.08),
    "sglformer_3_256_t16.dvs128gesture": (None, 2.17),
}


@pytest.mark.parametrize("name", SIZES)
def test_parameters(name: str) -> None:
    record = spikeformers.catalog.get(name)
    exact, millions = SIZES[name]
    assert record.parameters == by_hand(dict(record.config))
    assert record.published_parameters == exact
    assert exact is None or record.parameters == exact
    if millions is not None:  # the README rounds 16,248,856 to 16.25, and cuts the others off
        assert math.floor(record.parameters / 1e4) / 100 == millions


def test_every_size_is_listed() -> None:
    assert set(spikeformers.list_models("sglformer_*.[cdi]*")) == {*SIZES}


def test_a_block_is_local_and_then_global() -> None:
    model = tiny_model(CIFAR, depth=2, global_pairs=3)
    for block in model.blocks:
        assert [name for name, _ in block.local.joins.named_children()] == ["convolution", "attention", "mlp"]
        assert isinstance(block.local.convolution, LocalConvolution)
        assert isinstance(block.local.attention, LocalSelfAttention)
        assert len(block.pairs) == 3
        for pair in block.pairs:
            assert type(pair.attention) is SpikingSelfAttention
            assert [name for name, _ in pair.joins.named_children()] == ["attention", "mlp"]
    x = random_input(model, 2)
    tokens = model.tokenizer(model.encode(x))
    for block in model.blocks:
        local = block.local
        tokens = tokens + local.convolution(tokens)
        for branches in (local, *block.pairs):
            tokens = tokens + branches.attention(tokens)
            tokens = tokens + branches.mlp(tokens)
    assert torch.equal(model.forward_features(x), tokens)


def test_the_stream_counts_the_local_convolutions_twice() -> None:
    """Spikes, then x + (x + 2) by the local convolutions, and 1 for each branch behind them."""
    model = tiny_model(CIFAR, depth=1, global_pairs=2)
    local, (first, second) = model.blocks[0].local, model.blocks[0].pairs
    fed = [block.attention.q.linear.inputs.highest for block in (local, first, second)]
    assert fed == [4, 6, 8]
    assert model.head.pool.conv.inputs == integers(10)


@pytest.mark.parametrize("name", ["sglformer_imagenet", "sglformer_imagenet2"])
def test_released_imagenet_models_mix_their_batch(name: str) -> None:
    """Kept apart, each sample is what the released model makes of it alone."""
    x = golden_input(golden(name), torch.float64)
    words = {"ssa_time_axis": "per_sample", "stem_time_axis": "per_sample"}
    released, apart = build(name), build(name, **words)
    stems = {"sglformer_imagenet": "per_sample", "sglformer_imagenet2": "batch_mixed"}
    assert (released.config.ssa_time_axis, released.config.stem_time_axis) == ("batch_mixed", stems[name])
    with torch.no_grad():
        alone = torch.cat([released(sample) for sample in x.split(1)])
        torch.testing.assert_close(apart(x), alone, rtol=0, atol=1e-12)
        assert not torch.allclose(released(x), alone)
        assert torch.equal(apart(x.flip(0)).flip(0), apart(x))
    with pytest.raises(NotStreamable, match="per_sample"):
        released.step(x, released.initial_state(2))
    steps, state = [], apart.initial_state(2)
    for _ in range(4):
        logits, state = apart.step(x, state)
        steps.append(logits)
    torch.testing.assert_close(torch.stack(steps), apart.forward_steps(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"shortcut": "membrane"}, 'take "per_sample"'),
        ({"attention": "sdsa1"}, 'take "per_sample"'),
        ({"ssa_time_axis": "per_sample", "stem_time_axis": "batch_mixed", "tokenizer": "patch"}, "stem does"),
    ],
)
def test_mixing_is_of_the_released_parts(words: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        tiny_model(STAR, **{"ssa_time_axis": "batch_mixed", **words})


@pytest.mark.parametrize("name", [CIFAR, EVENTS])
def test_the_pooled_head_takes_what_it_is_built_for(name: str) -> None:
    model = tiny_model(name)
    x = random_input(model, 2)
    model(x)
    with pytest.raises(InputError, match="2 x 2 tokens of 3 time steps; got 4 x 4 tokens"):
        model(random_input(model, 2, (4, 4)))
    frames = x if x.dim() == 5 else x.unsqueeze(1).expand(-1, 3, -1, -1, -1)
    with pytest.raises(InputError, match="got 2 x 2 tokens, 2 time steps"):
        model(frames[:, :2])
    with pytest.raises(NotStreamable, match="all time steps"):
        model.step(frames[:, 0], model.initial_state(2))


def test_sizes_the_groups_do_not_divide_are_refused_at_once() -> None:
    model = tiny_model(IMAGENET)
    assert (model.stride, model.multiple) == (16, 32)
    with pytest.raises(InputError, match="multiples of 32"):
        model(torch.randn(1, 3, 48, 32))
    with pytest.raises(ConfigError, match="3 x 2 tokens"):
        tiny_model(IMAGENET, image_size=[48, 32])
    assert tiny_model(IMAGENET, image_size=[48, 32], local_attention="ssa").multiple == 16


@pytest.mark.parametrize("local", ["ssa", "sdsa1", "local_ssa(group=1)"])
def test_local_attention_by_one_word(local: str) -> None:
    model = tiny_model(CIFAR, local_attention=local, attention="sdsa3", depth=1)
    assert model.config.local_attention == local
    assert model(random_input(model, 2)).shape == (2, 5)
    assert not torch.equal(model(random_input(model, 2)), tiny_model(CIFAR, depth=1)(random_input(model, 2)))


def test_without_global_pairs_and_with_a_mean() -> None:
    model = tiny_model(CIFAR, global_pairs=0, head="mean", depth=1, local_ratio=1)
    products = [name for name, module in model.named_modules() if isinstance(module, MatrixProduct)]
    assert all(name.startswith("blocks.0.local.") for name in products)
    assert len(products) == 2
    assert model(random_input(model, 2)).shape == (2, 5)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"global_pairs": -1}, "global_pairs must not be negative"),
        ({"local_ratio": 0}, "local_ratio must be a positive number"),
        ({"local_ratio": 0.001}, "local_ratio 0.001 gives"),
        ({"pooling": "0011"}, "each of the 5 tokenizer stages"),
        ({"local_attention": "locl_ssa"}, "local_ssa"),
        ({"local_attention": "local_ssa(groups=2)"}, "no option 'groups'"),
        ({"form": "dvs"}, "form must be one of 'cifar', 'imagenet'"),
    ],
)
def test_wrong_words(words: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpikeformersError, match=reason):
        spikeformers.create_model(CIFAR, **{"dim": 48, "heads": 4, **words})


def test_words_of_the_authors_configurations() -> None:
    model = build("sglformer_imagenet2")
    assert (model.config.depth, model.config.global_pairs, model.config.pooling) == (1, 1, "01111")
    assert model.config.local_attention == "local_ssa(group=2)"
    with pytest.raises(ConfigError, match="blocks is described by local, global"):
        build("sglformer_imagenet2", blocks={"local": 1})
    with pytest.raises(CheckpointError, match="depth"):
        build("sglformer_imagenet2", blocks={"local": 2, "global": 1})
    with pytest.raises(CheckpointError, match="global_pairs"):
        build("sglformer_imagenet2", blocks={"local": 1, "global": 2})


@pytest.mark.parametrize(
    "words", [{"global_pairs": 1}, {"head": "mean"}, {"local_attention": "local_ssa(group=1)"}, {"form": "imagenet"}]
)
def test_what_is_no_longer_the_released_form_has_no_official_names(words: dict[str, Any]) -> None:
    model = spikeformers.create_model(CIFAR, dim=48, heads=4, **words)
    model.system, model.variant = "sglformer", "cifar"
    with pytest.raises(CheckpointError):
        spikeformers.convert.to_official(model)


def test_unused_norms_are_there_and_take_no_part() -> None:
    model = tiny_model(IMAGENET, global_pairs=2).train()
    unused = {name for name, _ in model.named_parameters() if ".unused_norm" in name}
    assert len(unused) == 2 * 2 * 2 * 2  # blocks, pairs, norms, weight and bias
    model(random_input(model, 4)).sum().backward()
    assert all((p.grad is None) == (name in unused) for name, p in model.named_parameters())


@torch.no_grad()
def test_fused_and_unrolled() -> None:
    model = tiny_model(CIFAR, neuron="sfa").double()
    x = random_input(model, 2)
    fused, fusion = fuse(model)
    assert "head.pool.norm" in fusion.norms
    assert not fusion.left
    torch.testing.assert_close(fused(x), model(x), rtol=0, atol=1e-9)
    for run in (nn.Module.__call__, SGLFormer.forward_steps):
        torch.testing.assert_close(run(unroll(model), x), run(model, x), rtol=0, atol=1e-9)


def test_an_ann_twin_pools_every_frame_alike() -> None:
    model = tiny_model(EVENTS, ann="relu").double()
    x = random_input(model, 2)
    assert model.head.pool.conv.weight.shape[-1] == 1
    more = torch.cat([x, x], dim=1)
    torch.testing.assert_close(model(more), model(x), rtol=0, atol=1e-12)
    logits, _ = model.step(x[:, 0], model.initial_state(2))
    torch.testing.assert_close(logits, model.forward_steps(x)[0], rtol=0, atol=1e-12)
