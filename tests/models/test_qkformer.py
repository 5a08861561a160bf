"""QKFormer: batches that mix and batches that do not, its sizes, its words."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import spikeformers
from spikeformers.errors import CheckpointError, ConfigError, NotStreamable
from spikeformers.measure import LayerFiring, activity, firing, statistics
from spikeformers.models import QKFormer, QKFormerConfig
from tests.golden_rules import fill_state, golden, golden_input, golden_names, relative_difference
from tests.models.tiny import random_input, tiny_model

FILES = [name for name in golden_names("qkformer") if "eval_each_sample_alone" in golden(name)]
CIFAR = "qkformer_4_384.cifar10"
AXES = ("batch_mixed", "per_sample")


def build(file: dict[str, Any], dtype: torch.dtype = torch.float64, **words: Any) -> QKFormer:
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    model = spikeformers.convert.load_official(state, "qkformer", file["variant"], {**file["config"], **words})
    assert isinstance(model, QKFormer)
    return model.to(dtype)


def mixed_layers(model: QKFormer) -> list[str]:
    return [f"stages.{len(model.stages) - 1}.blocks.{i}.attention.projection.neuron" for i in range(2)]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_each_sample_alone(name: str, dtype: torch.dtype, tolerance: float) -> None:
    """The corrected model on the whole batch, and the released one on one sample at a time, are the same figures."""
    file = golden(name)
    expected = file["eval_each_sample_alone"]
    x = golden_input(file, dtype)
    corrected, released = build(file, dtype, ssa_time_axis="per_sample"), build(file, dtype)
    assert released.config.ssa_time_axis == "batch_mixed"
    with torch.no_grad():
        assert relative_difference(corrected(x), expected["logits_fp64"]) <= tolerance
        alone = torch.cat([released(sample) for sample in x.split(1)])
        assert relative_difference(alone, expected["logits_fp64"]) <= tolerance
    for model in (corrected, released):
        totals = [sum(row.spikes for row in firing(model, sample)) for sample in x.split(1)]
        assert totals == expected["spikes_total"]


@pytest.mark.parametrize("name", FILES)
def test_the_released_batch_mixing_shows(name: str) -> None:
    """Else the golden figures of whole batches would say nothing about it."""
    expected = golden(name)
    assert expected["eval"]["spikes_total"] != sum(expected["eval_each_sample_alone"]["spikes_total"])


@pytest.mark.parametrize("axis", ["per_sample", "batch_mixed"])
def test_the_order_of_the_batch(axis: str) -> None:
    """Released, a sample sees those in front of it; corrected it sees none."""
    file = golden("qkformer_cifar")
    model, x = build(file, ssa_time_axis=axis), golden_input(file, torch.float64)
    with torch.no_grad():
        turned = model(x.flip(0)).flip(0)
        assert torch.equal(turned, model(x)) == (axis == "per_sample")


@pytest.mark.parametrize("name", ["qkformer_imagenet", "qkformer_cifar10dvs"])
def test_layers_over_time_are_those_of_samples_and_steps(name: str) -> None:
    """Measured, the mixed neuron has T steps and B samples as any other, with its own potentials behind its spikes."""
    file = golden(name)
    model, x = build(file), golden_input(file, torch.float64)
    T, B = file["config"]["time_steps"], len(x)
    found = statistics(model, x)
    assert found.samples == B
    rows: dict[str, LayerFiring] = {row.official_name or "": row for row in found.layers}
    for official, spikes, elements in file["eval"]["spikes"]:
        row = rows[official]
        assert (row.spikes, row.elements, row.time_steps) == (spikes, elements, T)
        assert sum(row.spikes_by_step) == spikes
        assert row.elements_by_step == (elements // T,) * T
        assert row.membrane is not None
        assert row.v_threshold is not None
        assert row.membrane.reaching(row.v_threshold) == spikes
        assert row.membrane.total == elements
    mixed = next(row for row in found.layers if row.name in mixed_layers(model))
    twin = build(file, ssa_time_axis="per_sample")
    same = next(row for row in statistics(twin, x).layers if row.name == mixed.name)
    assert (mixed.channels, mixed.positions, mixed.time_steps) == (same.channels, same.positions, same.time_steps)
    assert [row.spikes for row in activity(model, x)] == [row.spikes for row in firing(model, x)]


def test_operations_are_counted_alike() -> None:
    file = golden("qkformer_imagenet")
    x = golden_input(file, torch.float64)
    mixed, corrected = (spikeformers.measure.count(build(file, ssa_time_axis=axis), x) for axis in AXES)
    for row, other in zip(mixed.rows, corrected.rows, strict=True):
        assert (row.name, row.kind, row.time_steps, row.dense) == (
            other.name,
            other.kind,
            other.time_steps,
            other.dense,
        )


def test_the_mixed_form_refuses_to_be_streamed() -> None:
    model = tiny_model(CIFAR, ssa_time_axis="batch_mixed")
    x = random_input(model, 1)
    with pytest.raises(NotStreamable, match="per_sample"):
        model.step(x, model.initial_state(1))


def test_both_forms_have_the_same_tensors() -> None:
    for neuron in ("lif", "plif"):
        states = [tiny_model(CIFAR, ssa_time_axis=axis, neuron=neuron).state_dict() for axis in AXES]
        assert list(states[0]) == list(states[1])


def test_a_mixed_model_is_saved_as_one(tmp_path: Any) -> None:
    model = tiny_model(CIFAR, ssa_time_axis="batch_mixed")
    spikeformers.save(model, tmp_path / "model.safetensors")
    again = spikeformers.load(tmp_path / "model.safetensors")
    x = random_input(model, 4)
    assert torch.equal(again(x), model(x))
    assert again.config.to_dict()["ssa_time_axis"] == "batch_mixed"


def test_an_ann_twin_has_nothing_to_mix() -> None:
    x: Tensor | None = None
    outs = []
    for axis in AXES:
        model = tiny_model(CIFAR, ssa_time_axis=axis, ann="relu")
        x = random_input(model, 3) if x is None else x
        outs.append(model(x))
    assert torch.equal(*outs)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("qkformer_10_384.imagenet", 16_473_688),
        ("qkformer_10_512.imagenet", 29_079_336),
        ("qkformer_10_768.imagenet", 64_962_760),
        ("qkformer_4_384.cifar10", 6_706_234),
        ("qkformer_4_384.cifar100", 6_740_884),
        ("qkformer_2_256.cifar10dvs", 1_504_138),
        ("qkformer_2_256.dvs128gesture", 1_999_371),
    ],
)
def test_parameters_of_the_published_sizes(name: str, parameters: int) -> None:
    with torch.device("meta"):
        model = spikeformers.create_model(name)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model.config.to_dict()["ssa_time_axis"] == "per_sample"


@pytest.mark.parametrize(
    ("name", "first", "others"),
    [
        ("qkformer_10_384.imagenet", 65.028, 5765.8),
        ("qkformer_4_384.cifar10", 1.327, 1509.9),
        ("qkformer_2_256.cifar10dvs", 4.719, 502.3),
        ("qkformer_2_256.dvs128gesture", 4.719, 552.6),
    ],
)
def test_multiplications_of_the_published_sizes(name: str, first: float, others: float) -> None:
    """Millions in one time step, of the first convolution and of all others and the linears, with padding."""
    model = spikeformers.create_model(name, time_steps=1).eval()
    c = model.config
    x = torch.rand(1, 1, c.in_channels, *c.image_size)
    rows = [row for row in spikeformers.measure.count(model, x).rows if row.kind in ("convolution", "linear")]
    assert rows[-1].name == "head.linear"
    assert rows[0].dense_padded / 1e6 == pytest.approx(first, abs=0.0005)
    assert sum(row.dense_padded for row in rows[1:-1]) / 1e6 == pytest.approx(others, abs=0.05)


@pytest.mark.parametrize(
    ("name", "maps"),
    [
        ("qkformer_10_384.imagenet", {4: (96, 56), 8: (192, 28), 16: (384, 14)}),
        ("qkformer_4_384.cifar10", {1: (96, 32), 2: (192, 16), 4: (384, 8)}),
        ("qkformer_2_256.dvs128gesture", {8: (128, 16), 16: (256, 8)}),
    ],
)
def test_channels_and_sizes_of_the_pyramid(name: str, maps: dict[int, tuple[int, int]]) -> None:
    with torch.device("meta"):
        model = spikeformers.create_model(name, time_steps=1)
        x = torch.rand(1, 1, model.config.in_channels, *model.config.image_size)
        found = {stride: tuple(each.shape[2:]) for stride, each in model.forward_pyramid(x).items()}
    assert found == {stride: (channels, side, side) for stride, (channels, side) in maps.items()}


def test_token_attention_in_front_and_self_attention_at_the_end() -> None:
    model = tiny_model(CIFAR, stage_depths=[1, 2, 1], dim=64)
    kinds = [[type(block.attention).__name__ for block in stage.blocks] for stage in model.stages]
    assert kinds == [["QKTokenAttention"], ["QKTokenAttention"] * 2, ["SpikingSelfAttention"]]
    other = tiny_model(CIFAR, token_attention="ssa(order=qk)", attention="sdsa1")
    assert [type(stage.blocks[0].attention).__name__ for stage in other.stages] == [
        "SpikingSelfAttention",
        "SpikeDrivenSelfAttention",
    ]
    assert other.stages[0].blocks[0].attention.order == "qk"


@pytest.mark.parametrize("shortcut", ["membrane", "sew", "vanilla", "iand"])
def test_every_shortcut_streams(shortcut: str) -> None:
    model = tiny_model(CIFAR, shortcut=shortcut, stage_depths=[1, 1, 1]).double()
    x = random_input(model, 2)
    state, steps = model.initial_state(2), []
    for x_t in model.encode(x):
        logits, state = model.step(x_t, state)
        steps.append(logits)
    torch.testing.assert_close(torch.stack(steps), model.forward_steps(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"stage_depths": []}, "stage_depths must be"),
        ({"stage_depths": [1, 0]}, "stage_depths must be"),
        ({"dim": 30}, "multiple of 4 x heads for 3 stages"),
        ({"dim": 384, "heads": 5}, "multiple of 4 x heads"),
        ({"form": "events", "dim": 16, "heads": 1}, "at least 8 channels"),
        ({"image_size": [32, 30]}, "image_size must be a multiple of 4"),
        ({"mlp_ratio": 0.001}, "mlp_ratio"),
        ({"drop_path": 1.0}, "drop_path"),
        ({"depth": 5}, r"stage_depths \[1, 1, 2\] make 4; got depth 5"),
        ({"ssa_time_axis": "batch_mixed", "shortcut": "membrane"}, 'take "per_sample"'),
        ({"ssa_time_axis": "batch_mixed", "attention": "sdsa1"}, 'take "per_sample"'),
        ({"token_attention": "qk_tokens"}, "Did you mean 'qk_token'"),
    ],
)
def test_words_that_give_no_model(words: dict[str, Any], message: str) -> None:
    with pytest.raises(spikeformers.errors.SpikeformersError, match=message):
        QKFormerConfig.from_words(words)


def test_depth_may_be_said_where_it_agrees() -> None:
    assert QKFormerConfig.from_words({"depth": 4}) == QKFormerConfig()


AUTHORS = {"official": "batch_mixed", "fixed": "per_sample", "either (B=1)": "per_sample"}


@pytest.mark.parametrize(("theirs", "ours"), AUTHORS.items())
def test_the_time_axis_in_the_authors_words(theirs: str, ours: str) -> None:
    model = build(golden("qkformer_cifar"), ssa_time_axis=theirs)
    assert model.config.ssa_time_axis == ours


def test_the_depth_the_authors_give_their_event_models_says_nothing() -> None:
    file = golden("qkformer_gesture")
    assert file["config"]["depth"] == 4
    assert build(file).config.stage_depths == (1, 1)
    with pytest.raises(ConfigError, match="must be '4', got 3"):
        build(file, depth=3)
    with pytest.raises(ConfigError, match="make 4; got depth 2"):
        build(golden("qkformer_cifar"), depth=2)


def test_a_model_of_another_form_is_not_written_as_the_official_one() -> None:
    for words, message in (
        ({"attention": "sdsa1"}, "differs in .*attention 'sdsa1'"),
        ({"form": "imagenet", "image_size": [64, 64]}, "differs in .*form 'imagenet'"),
        ({"token_attention": "ssa"}, "no counterpart of stages.0.blocks.0.attention.v.linear.weight"),
        ({"stage_depths": [1, 1]}, "no counterpart of stages.1.blocks.0.attention.v.linear.weight"),
    ):
        model = spikeformers.create_model(CIFAR, dim=32, **words)
        with pytest.raises(CheckpointError, match=message):
            spikeformers.convert.to_official(model, what="parameters")


def test_both_time_axes_are_the_official_form() -> None:
    for axis in AXES:
        model = spikeformers.create_model(CIFAR, dim=32, ssa_time_axis=axis)
        to_official = spikeformers.convert.to_official
        state = {**to_official(model, what="parameters"), **to_official(model, what="buffers")}
        again = spikeformers.convert.load_official(state, "qkformer", "cifar", {"ssa_time_axis": axis})
        x = torch.rand(2, 3, 32, 32)
        assert torch.equal(again(x), model.eval()(x))
