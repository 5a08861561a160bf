"""Spikeformer: counts, what its branches start as, the laws of its ablations, and its configuration words."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

import spikeformers
from spikeformers.errors import ConfigError, NotStreamable, UnknownNameError
from spikeformers.layers import (
    BINARY,
    REAL,
    AttentionBranch,
    Block,
    DescribesItself,
    Linear,
    SequencePoolingHead,
    SpaceTime,
)
from spikeformers.layers.norms import BatchNorm
from spikeformers.models import Spikeformer, SpikeformerConfig, adapt
from tests.models.tiny import random_input

ATTENTIONS: tuple[SpaceTime, ...] = get_args(SpaceTime)
CATALOGUED = {
    "spikeformer_7_512.imagenet": 39_320_836,
    "spikeformer_7_256.cifar10dvs": 8_792_993,
    "spikeformer_7_256.dvs128gesture": 9_279_900,
}
TINY: dict[str, Any] = {
    "dim": 16,
    "depth": 2,
    "heads": 2,
    "num_classes": 5,
    "time_steps": 3,
    "image_size": (8, 12),
    "tokenizer_strides": (2, 1, 2),
}

every_attention = pytest.mark.parametrize("attention", ATTENTIONS)


def build(*, moved: bool = True, **words: Any) -> Spikeformer:
    """In float64 and eval mode, tokenizer adapted; unless `moved` is off, linears and time table as if trained."""
    torch.manual_seed(0)
    model = Spikeformer(SpikeformerConfig(**{**TINY, **words})).double()
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.momentum = None
        if moved and isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=2 / module.in_features**0.5)
    if moved:
        nn.init.normal_(model.embedding.time_embed)
    with torch.no_grad():
        model.train()(random_input(model, 8, (2, 3)))
    return model.eval()


def frames(model: Spikeformer, batch: int = 2) -> Tensor:
    return random_input(model, batch, (2, 3))


def blocks(model: Spikeformer) -> list[Block]:
    return [block for block in model.blocks if isinstance(block, Block)]


def closed_form(c: dict[str, Any]) -> int:
    """The count of parameters by the specification's formula; a neuron with a learned time constant counts 1."""
    D, r, k = c["dim"], c["mlp_ratio"], c["tokenizer_kernel"]
    strides, per_stage = c["tokenizer_strides"], c["blocks_per_stage"]
    total, channels = 0, c["in_channels"]
    for i, stride in enumerate(strides):
        width = D >> ((len(strides) - 1) // per_stage - i // per_stage)
        total += k * k * (channels * width + width * width) + 4 * width + 2
        if stride > 1 or channels != width:
            total += channels * width + 2 * width + 1
        channels = width
    attention = 3 * D * D + D * D + D + 2 * D
    block = 2 * attention + (D * D + D) + 2 * D + 2 * r * D * D + r * D + D + 1
    stride = 2 ** strides.count(2)
    N = c["image_size"][0] // stride * c["image_size"][1] // stride
    return total + c["depth"] * block + 2 * D + (D + 1) + (D + 1) * c["num_classes"] + (N + c["time_steps"]) * D


@pytest.mark.parametrize(("name", "parameters"), CATALOGUED.items())
def test_the_published_sizes_have_the_parameters_of_the_specification(name: str, parameters: int) -> None:
    with torch.device("meta"):
        model = spikeformers.create_model(name)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert closed_form(spikeformers.catalog.get(name).config) == parameters
    assert spikeformers.catalog.get(name).parameters == parameters


def test_the_defaults_are_the_cifar10dvs_form() -> None:
    record = spikeformers.catalog.get("spikeformer_7_256.cifar10dvs")
    assert SpikeformerConfig() == SpikeformerConfig.from_words(record.config)


@torch.no_grad()
def test_temporal_attention_changes_nothing_at_first() -> None:
    model = build(moved=False)
    x = frames(model)
    before = model(x)
    for block in blocks(model):
        branch = block.get_submodule("temporal")
        assert isinstance(branch, AttentionBranch)
        for parameter in branch.attention.parameters():
            nn.init.normal_(parameter)
    assert torch.equal(model(x), before)


def test_but_its_last_linear_learns_and_then_it_counts() -> None:
    model = build(moved=False)
    x = frames(model)
    before = model(x)
    before.square().sum().backward()
    for block in blocks(model):
        branch = block.get_submodule("temporal")
        assert isinstance(branch, AttentionBranch)
        assert branch.linear is not None
        for parameter in branch.linear.parameters():
            assert not parameter.any()
            assert parameter.grad is not None
            assert parameter.grad.any()
        nn.init.normal_(branch.linear.weight)
    assert not torch.allclose(model(x), before)


@every_attention
@pytest.mark.parametrize("tokenizer", ["convolutional", "patch"])
def test_every_ablation_is_one_word_and_every_parameter_lives(attention: str, tokenizer: str) -> None:
    model = build(attention=attention, tokenizer=tokenizer, v_threshold=0.5).train()
    model(frames(model, 4)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        # The softmax of the pooling does not see what is added to all scores.
        assert parameter.grad.any() or name == "head.score.bias", name


@torch.no_grad()
@pytest.mark.parametrize("words", [{"neuron": "relu"}, {"ann": "relu"}])
def test_without_time_in_neurons_and_table_spatial_attention_ignores_the_order_of_frames(words: dict[str, str]) -> None:
    model = build(attention="spatial", **words)
    nn.init.zeros_(model.embedding.time_embed)
    x, order = frames(model), torch.tensor([2, 0, 1])
    steps = model.forward_steps(x)
    assert not torch.allclose(steps[order], steps)
    # Softmax and pooling sum in another order: 1e-12 of float64.
    torch.testing.assert_close(model.forward_steps(x[:, order]), steps[order], rtol=0, atol=1e-12)
    features = model.forward_features(x)[order]
    torch.testing.assert_close(model.forward_features(x[:, order]), features, rtol=0, atol=1e-12)
    torch.testing.assert_close(model(x[:, order]), model(x), rtol=0, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("words", [{}, {"attention": "divided", "neuron": "relu"}])
def test_otherwise_the_order_matters(words: dict[str, str]) -> None:
    model = build(**{"attention": "spatial", **words})
    nn.init.zeros_(model.embedding.time_embed)
    x = torch.randn(2, 3, 2, 8, 12, dtype=torch.float64)
    order = torch.tensor([2, 0, 1])
    features = model.forward_features(x)
    difference = (model.forward_features(x[:, order]) - features[order]).abs().max()
    # Attention over all steps without a time table follows a permutation as well; spikes do not.
    assert (difference > 1e-3) == ("neuron" not in words)


@torch.no_grad()
@every_attention
def test_whom_a_place_influences_inside_a_block(attention: str) -> None:
    model = build(attention=attention)
    x = torch.randn(3, 2, 16, 2, 3, dtype=torch.float64)
    changed = x.clone()
    changed[:, :, :, 0, 1] = torch.randn(3, 2, 16, dtype=torch.float64)
    for block in blocks(model):
        moved = (block(changed) - block(x)).abs().amax((0, 1, 2)) > 1e-9  # [H, W]
        assert moved[0, 1]
        elsewhere = moved.sum() - 1
        assert elsewhere == (0 if attention == "temporal" else 5)


@torch.no_grad()
def test_divided_attention_of_one_step_is_a_linear_map_of_each_token_then_spatial_attention() -> None:
    model, x = build(), torch.randn(1, 2, 16, 2, 3, dtype=torch.float64)
    spatial = build(attention="spatial")
    for block, plain in zip(blocks(model), blocks(spatial), strict=True):
        plain.load_state_dict({k: v for k, v in block.state_dict().items() if not k.startswith("temporal")})
        branch = block.get_submodule("temporal")
        assert isinstance(branch, AttentionBranch)
        assert isinstance(branch.linear, Linear)
        values, project, last = branch.attention.qkv.weight[-16:], branch.attention.projection, branch.linear
        # A softmax over one step is 1: what remains is values, projection, last linear.
        weight = last.weight @ project.weight @ values
        bias = last.weight @ project.bias + last.bias
        added = torch.einsum("dc,tbchw->tbdhw", weight, branch.norm(x)) + bias[:, None, None]
        torch.testing.assert_close(block(x), plain(x + added), rtol=0, atol=1e-11)


@torch.no_grad()
def test_the_pooling_weighs_all_tokens_of_all_steps() -> None:
    model = build()
    x = frames(model)
    assert isinstance(model.head, SequencePoolingHead)
    weights = model.head.weights(model.forward_features(x))
    assert weights.shape == (3, 2, 6)
    torch.testing.assert_close(weights.sum((0, 2)), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12)


@torch.no_grad()
def test_two_passes_are_identical() -> None:
    model = build()
    x = frames(model)
    first = model(x)
    model(frames(model, 5))
    assert torch.equal(model(x), first)


@every_attention
def test_it_cannot_be_streamed_whatever_its_attention(attention: str) -> None:
    model = build(attention=attention)
    with pytest.raises(NotStreamable, match=r"Give .* all frames in one call"):
        model.step(frames(model)[:, 0], model.initial_state(2))


def test_the_tables_stay_what_they_were_built_for() -> None:
    model = build()
    assert (model.config.built_image_size, model.config.built_time_steps) == ((8, 12), 3)
    assert model.embedding.pos_embed.shape == (1, 6, 16)
    assert model.embedding.time_embed.shape == (1, 3, 16)
    assert model(torch.randn(1, 5, 2, 16, 4, dtype=torch.float64)).shape == (1, 5)
    other = build(built_image_size=[16, 16], built_time_steps=7)
    assert other.embedding.pos_embed.shape == (1, 16, 16)
    assert other.embedding.time_embed.shape == (1, 7, 16)


@torch.no_grad()
def test_fine_tuning_at_another_size_keeps_every_weight(tmp_path: Any) -> None:
    model = build()
    spikeformers.save(model, tmp_path / "model.safetensors")
    again, transfer = adapt(tmp_path / "model.safetensors", image_size=(16, 8), time_steps=5)
    assert transfer.fresh == ()
    assert again.config.image_size == (16, 8)
    x = torch.randn(2, 5, 2, 16, 8, dtype=torch.float64)
    assert torch.equal(again.eval()(x), model(x))


def test_a_static_image_is_repeated_and_one_frame_for_the_ann() -> None:
    x = torch.randn(2, 3, 8, 12, dtype=torch.float64)
    assert build(in_channels=3).forward_steps(x).shape == (3, 2, 5)
    assert build(in_channels=3, ann="gelu").forward_steps(x).shape == (1, 2, 5)


@pytest.mark.parametrize(("neuron", "hidden"), [("plif", BINARY), ("lif", BINARY), ("pliaf", REAL), ("relu", REAL)])
def test_what_is_declared_says_that_it_is_a_hybrid(neuron: str, hidden: Any) -> None:
    modules = build(neuron=neuron).named_modules()
    operations = {name: module.op_spec() for name, module in modules if isinstance(module, DescribesItself)}
    spiking = {name for name, spec in operations.items() if REAL not in spec.inputs}
    fed_by_spikes = {name for name in operations if name.endswith("mlp.contract") or "tokenizer" in name}
    fed_by_spikes -= {f"tokenizer.blocks.0.{part}.conv" for part in ("residual.first", "shortcut.project")}
    assert spiking == (fed_by_spikes if hidden == BINARY else set())
    assert len(fed_by_spikes) == 2 + 6  # two blocks; three tokenizer blocks of 3, 2 and 3 convolutions, less two


def test_the_pyramid_has_a_map_of_every_block() -> None:
    model = build()
    stages = model.forward_stages(frames(model))
    assert [(stride, *stage.shape[2:]) for stride, stage in stages] == [(2, 8, 4, 6), (2, 8, 4, 6), (4, 16, 2, 3)]
    assert list(model.forward_pyramid(frames(model))) == [2, 4]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"tokenizer": "patches"}, "tokenizer must be one of .* Did you mean 'patch'"),
        ({"tokenizer_strides": []}, r"tokenizer_strides has a stride of 1 or more each, got \[\]"),
        ({"tokenizer_strides": [2, 0]}, r"tokenizer_strides .* got \[2, 0\]"),
        ({"tokenizer_strides": 2}, "tokenizer_strides must be a list of values, got 2"),
        ({"tokenizer_kernel": 4}, "tokenizer_kernel must be odd.* got 4"),
        ({"tokenizer_kernel": -1}, "tokenizer_kernel must be odd.* got -1"),
        ({"blocks_per_stage": 0}, "blocks_per_stage must be at least 1, got 0"),
        ({"dim": 18, "blocks_per_stage": 1}, "dim must be a multiple of 4: 3 tokenizer blocks, 1 of a width.* got 18"),
        ({"image_size": [8, 10]}, r"image_size must be a multiple of 4 .* got \[8, 10\]"),
        ({"built_image_size": [6, 8]}, r"built_image_size must be a multiple of 4 .* got \[6, 8\]"),
        ({"built_image_size": [0, 8]}, r"built_image_size must be a multiple of 4 .* got \[0, 8\]"),
        ({"built_time_steps": 0}, "built_time_steps must be at least 1, got 0"),
        ({"heads": 3}, "dim must be a multiple of heads"),
        ({"mlp_ratio": 0}, "mlp_ratio must be a positive number"),
        ({"drop_path": 1}, "drop_path must be from 0 to below 1"),
    ],
)
def test_words_it_cannot_have(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SpikeformerConfig(**{**TINY, **words})


def test_a_patch_needs_no_widths_to_halve() -> None:
    assert SpikeformerConfig(**{**TINY, "dim": 18, "blocks_per_stage": 1, "tokenizer": "patch"}).stride == 4


def test_attentions_are_those_of_its_paper_and_the_registered_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no attention 'dvided'\. Did you mean 'divided'.* Known: .*ssa"):
        SpikeformerConfig(**{**TINY, "attention": "dvided"})
    assert SpikeformerConfig(**{**TINY, "attention": "ssa(order=qk)"}).attention == "ssa(order=qk)"
