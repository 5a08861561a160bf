"""Fused models compute what they were fused from, in every family, and say what was fused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

import spikeformers
from spikeformers.convert import to_official
from spikeformers.errors import CheckpointError, NotStreamable
from spikeformers.layers import Conv2d, Linear, OverFrames, RepConv, register_norm
from spikeformers.layers.norms import BatchNorm
from spikeformers.measure import firing
from spikeformers.models import Fusion, SpikingModel, adapt, freeze, fuse, read_header
from tests.models.contract import every_form, every_form_in_time, observe_declared_values
from tests.models.tiny import random_input, smallest, tiny_model, token_maps

META = "meta_spikeformer_55m_t4_kd.imagenet"
WITH_LAYER_NORM = "spikeformer_7_256.cifar10dvs"

both = pytest.mark.parametrize("rep_conv", [False, True], ids=["norms", "rep_conv"])


def random_norms(model: SpikingModel) -> SpikingModel:
    """Norms as training might leave them: each number is drawn, near what lets neurons fire."""
    generator = torch.Generator().manual_seed(4)

    def drawn(like: Tensor, low: float, high: float) -> Tensor:
        return torch.empty_like(like).uniform_(low, high, generator=generator)

    with torch.no_grad():
        for norm in batch_norms(model).values():
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.weight.copy_(drawn(norm.weight, 0.5, 1.5))
            norm.bias.copy_(drawn(norm.bias, -0.3, 1))
            norm.running_mean.add_(drawn(norm.running_mean, -0.1, 0.1))
            norm.running_var.mul_(drawn(norm.running_var, 0.5, 2))
    return model


def batch_norms(model: nn.Module) -> dict[str, BatchNorm]:
    return {name: module for name, module in model.named_modules() if isinstance(module, BatchNorm)}


def built(name: str, **words: Any) -> SpikingModel:
    return random_norms(tiny_model(name, **words)).double()


def steps_of(model: SpikingModel, x: Tensor) -> Iterator[Tensor]:
    state = model.initial_state(len(x))
    for frame in model.encode(x):
        logits, state = model.step(frame, state)
        yield logits


def assert_close(found: Tensor, expected: Tensor) -> None:
    # 1e-9 of the largest logit, or of 1; rounding alone was measured as 1e-15 at most.
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * max(1.0, float(expected.detach().abs().max())))


@both
@every_form
def test_a_fused_model_computes_what_the_model_does(name: str, rep_conv: bool) -> None:
    model = built(name)
    x = random_input(model, 3, token_maps(model)[-1])
    fused, _ = fuse(model, rep_conv=rep_conv)
    assert not fused.training
    expected = model(x)
    assert expected.std() > 0
    assert_close(fused(x), expected)
    assert_close(fused.forward_steps(x), model.forward_steps(x))
    for (stride, found), (true_stride, stage) in zip(fused.forward_stages(x), model.forward_stages(x), strict=True):
        assert stride == true_stride
        assert_close(found, stage)
    rows = firing(model, x)
    assert any(0 < row.rate < 1 for row in rows)
    for found_row, row in zip(firing(fused, x), rows, strict=True):
        assert replace(found_row, spikes=0) == replace(row, spikes=0)
        # Spikes are counted; only an analog neuron's outputs are rounded.
        assert found_row.spikes == (row.spikes if isinstance(row.spikes, int) else pytest.approx(row.spikes, rel=1e-9))
    try:
        found_steps = torch.stack(list(steps_of(fused, x)))
    except NotStreamable:
        return
    assert_close(found_steps, model.forward_steps(x))


@both
@pytest.mark.parametrize(
    "words",
    [
        {"shortcut": "sew"},
        {"shortcut": "vanilla", "v_threshold": 0.3},
        {"attention": "sdsa1"},
        {"neuron": "plif"},
        {"ann": "gelu"},
    ],
    ids=str,
)
def test_other_words_fuse_as_well(words: dict[str, Any], rep_conv: bool) -> None:
    model = built(META, **words)
    x = random_input(model, 2, (3, 2))
    fused, fusion = fuse(model, rep_conv=rep_conv)
    assert not fusion.left
    assert model(x).std() > 0
    assert_close(fused(x), model(x))


@both
@every_form
def test_every_batch_norm_is_gone_and_named(name: str, rep_conv: bool) -> None:
    model = built(name)
    modules = dict(model.named_modules())
    norms = batch_norms(model)
    fused, fusion = fuse(model, rep_conv=rep_conv)
    assert not batch_norms(fused)
    merged = [name for name, module in modules.items() if isinstance(module, RepConv)] if rep_conv else []
    assert set(fusion.rows) == {*norms, *merged}
    assert {fusion.rows[name] for name in merged} <= {"one 3x3 convolution"}
    for norm in norms:
        operation = fused.get_submodule(fusion.rows[norm])
        assert isinstance(operation, Conv2d | Linear)
        assert operation.op_spec().bias
    # What is left is the LayerNorms of the hybrid, which are no batch norms.
    assert (set(fusion.left) != set()) == name.startswith("spikeformer_")
    assert all("LayerNorm does depends on its input" in why for why in fusion.left.values())
    counted = sum(parameter.numel() for parameter in model.parameters())
    assert fusion.parameters_before == counted
    assert fusion.parameters_after == sum(parameter.numel() for parameter in fused.parameters())
    if not merged:
        assert fusion.parameters_after < counted
    assert [word for word, _ in fused.named_neurons()] == [word for word, _ in model.named_neurons()]


@both
@every_form
def test_declared_values_hold_in_a_fused_model(name: str, rep_conv: bool) -> None:
    fused, _ = fuse(built(name), rep_conv=rep_conv)
    assert all(observe_declared_values(fused, random_input(fused, 3)).values())


def test_a_merged_rep_conv_is_fed_what_its_first_part_was() -> None:
    model = built(META)
    fused, fusion = fuse(model, rep_conv=True)
    for name, what in fusion.rows.items():
        if what == "one 3x3 convolution":
            dense = fused.get_submodule(name)
            assert isinstance(dense, Conv2d)
            first = model.get_submodule(f"{name}.expand")
            assert isinstance(first, Conv2d)
            assert dense.inputs == first.inputs
            assert str(dense.inputs) == "binary"
    assert not [module for module in fused.modules() if isinstance(module, RepConv)]


def test_the_model_is_left_as_it_is() -> None:
    model = built(META).train()
    before = copy.deepcopy(model.state_dict())
    random = torch.get_rng_state()
    fused, _ = fuse(model, rep_conv=True)
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training
    assert model.fused is None
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    own = {parameter.data_ptr() for parameter in model.parameters()}
    assert own.isdisjoint(parameter.data_ptr() for parameter in fused.parameters())


def test_fusing_by_and_by_is_fusing_at_once() -> None:
    model = built(META)
    x = random_input(model, 2)
    norms, first = fuse(model)
    again, nothing = fuse(norms)
    assert nothing.rows == {}
    assert torch.equal(again(x), norms(x))
    merged, second = fuse(norms, rep_conv=True)
    at_once, whole = fuse(model, rep_conv=True)
    assert (norms.fused, again.fused, merged.fused, at_once.fused) == ("norms", "norms", "rep_conv", "rep_conv")
    assert fuse(merged)[0].fused == "rep_conv"
    assert {**first.rows, **second.rows}.keys() == whole.rows.keys()
    assert_close(merged(x), at_once(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_are_folded_in_float64_and_kept_in_the_models_dtype(dtype: torch.dtype) -> None:
    model = random_norms(smallest()).to(dtype)
    fused, _ = fuse(model)
    wide, _ = fuse(copy.deepcopy(model).double())
    assert {parameter.dtype for parameter in fused.parameters()} == {dtype}
    for (name, narrow), exact in zip(fused.named_parameters(), wide.parameters(), strict=True):
        assert torch.equal(narrow, exact.to(dtype)), name
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}


# ---- what cannot be folded -------------------------------------------------------------------------------------------


def test_a_norm_that_depends_on_its_input_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    register_norm("group", lambda channels: OverFrames(nn.GroupNorm(1, channels)))
    model = tiny_model(META, norm="group").double()
    fused, fusion = fuse(model, rep_conv=True)
    norms = [name for name, module in model.named_modules() if isinstance(module, OverFrames)]
    rep_convs = [name for name, module in model.named_modules() if isinstance(module, RepConv)]
    assert fusion.rows == {}
    assert fusion.left.keys() == {*norms, *rep_convs}
    assert {fusion.left[name] for name in norms} == {"what OverFrames does depends on its input"}
    assert {fusion.left[name] for name in rep_convs} == {"a norm inside it stayed"}
    assert fusion.parameters_before == fusion.parameters_after
    x = random_input(model, 2)
    assert torch.equal(fused(x), model(x))


def test_a_norm_behind_something_else_stays() -> None:
    model = built("spikingformer_4_384.cifar10")
    stage = model.get_submodule("tokenizer.stages.0")
    stage.norm = nn.Sequential(BatchNorm(4).double().eval(), stage.get_submodule("norm"))
    fused, fusion = fuse(model)
    inside = ["tokenizer.stages.0.norm.0", "tokenizer.stages.0.norm.1"]
    assert [name for name in fusion.left if name in inside] == inside
    assert all("no convolution or linear that can take it on" in fusion.left[name] for name in inside)
    x = random_input(model, 2)
    assert_close(fused(x), model(x))


def test_layer_norms_are_listed() -> None:
    model = built(WITH_LAYER_NORM)
    _, fusion = fuse(model)
    assert set(fusion.left) == {name for name, module in model.named_modules() if isinstance(module, nn.LayerNorm)}
    assert "head.norm" in fusion.left


# ---- results, files, training ----------------------------------------------------------------------------------------


def test_the_result_is_data() -> None:
    fusion = Fusion(rows={"a.norm": "a.conv"}, left={}, parameters_before=3, parameters_after=2)
    assert json.loads(json.dumps(fusion.to_dict())) == {
        "rows": {"a.norm": "a.conv"},
        "left": {},
        "parameters_before": 3,
        "parameters_after": 2,
    }


@both
@every_form_in_time
def test_a_file_alone_rebuilds_a_fused_model(name: str, rep_conv: bool, tmp_path: Path) -> None:
    fused, _ = fuse(random_norms(tiny_model(name)), rep_conv=rep_conv)
    path = tmp_path / "fused.safetensors"
    spikeformers.save(fused, path, provenance={"seed": 3})
    header = read_header(path)
    assert header.fused == fused.fused == ("rep_conv" if rep_conv else "norms")
    state = torch.get_rng_state()
    again = spikeformers.load(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert (again.fused, again.name, again.config) == (fused.fused, fused.name, fused.config)
    x = random_input(fused, 2)
    assert torch.equal(again(x), fused(x))


def header_words(path: Path) -> dict[str, Any]:
    with safetensors.safe_open(path, framework="pt") as file:
        words: dict[str, Any] = json.loads(file.metadata()["spikeformers"])
    return words


def test_only_a_fused_file_says_so(tmp_path: Path) -> None:
    # Versions that know nothing of fusing read every other file.
    model, path = smallest(), tmp_path / "model.safetensors"
    spikeformers.save(model, path)
    assert "fused" not in header_words(path)
    spikeformers.save(fuse(model)[0], path)
    assert header_words(path)["fused"] == "norms"
    assert header_words(path)["format"] == 1


@pytest.mark.parametrize("word", ["all", 3, True])
def test_a_file_that_is_fused_in_no_known_way(word: object, tmp_path: Path) -> None:
    fused, path = fuse(smallest())[0], tmp_path / "model.safetensors"
    spikeformers.save(fused, path)
    words = {**header_words(path), "fused": word}
    safetensors.torch.save_file(fused.state_dict(), path, {"spikeformers": json.dumps(words)})
    with pytest.raises(CheckpointError, match=r"header of .* is damaged \(fused is"):
        spikeformers.load(path)


def test_a_file_that_is_not_what_it_says(tmp_path: Path) -> None:
    model, path = smallest(), tmp_path / "model.safetensors"
    spikeformers.save(model, path)
    words = {**header_words(path), "fused": "norms"}
    safetensors.torch.save_file(model.state_dict(), path, {"spikeformers": json.dumps(words)})
    with pytest.raises(CheckpointError, match=r"disagrees with its tensors: tokenizer\..*conv\.bias is missing"):
        spikeformers.load(path)
    model.fused = "norms"
    with pytest.raises(CheckpointError, match="is not what its config describes"):
        spikeformers.save(model, path)


def test_a_fused_model_has_no_official_names() -> None:
    fused, _ = fuse(smallest())
    with pytest.raises(CheckpointError, match=r"is fused: .* Give to_official the model it was fused from"):
        to_official(fused)


def test_a_fused_file_is_not_adapted(tmp_path: Path) -> None:
    spikeformers.save(fuse(smallest())[0], tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"holds a fused model, whose norms are gone; adapt the checkpoint"):
        adapt(tmp_path / "model.safetensors", num_classes=3)


@both
def test_a_fused_model_may_be_trained(rep_conv: bool) -> None:
    fused, _ = fuse(built(META, attention_scale=1.0), rep_conv=rep_conv)
    fused.train()
    sum(output.square().sum() for output in fused.forward_heads(random_input(fused, 4, (4, 4))).values()).backward()
    for name, parameter in fused.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_what_was_frozen_stays_frozen() -> None:
    model = built(META)
    inside = next(name for name, module in model.named_modules() if isinstance(module, RepConv)) + ".expand"
    freeze(model, ["stages.0", inside])
    for rep_conv, kept in ((False, ("stages.0", inside)), (True, ("stages.0",))):
        fused, _ = fuse(model, rep_conv=rep_conv)
        assert fused.frozen == kept
        assert not any(parameter.requires_grad for parameter in fused.get_submodule("stages.0").parameters())
        assert all(parameter.requires_grad for parameter in fused.get_submodule("stages.1").parameters())
        fused.train()
        assert not fused.get_submodule("stages.0").training
