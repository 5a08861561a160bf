"""Official state dicts come in, and leave as they came."""

from __future__ import annotations

import argparse
from collections import OrderedDict
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from spikeformers import catalog
from spikeformers.catalog import official
from spikeformers.convert import load_official, to_official
from spikeformers.models import SpikingModel, create_model, load, model_class, save
from tests.golden_rules import fill_state, golden, golden_names

FILES = [name for name in golden_names("") if golden(name)["system"] in official.systems()]
HIDDEN = ("heads", "image_size", "time_steps", "pooling", "head_input", "ssa_time_axis")
FORMS = [(form.system, form.variant) for system in official.systems() for form in official.forms(system)]


def state_of(file: dict[str, Any]) -> dict[str, Tensor]:
    return fill_state(file["state_dict"], file["fill"]["salt"])


def useful(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Less what the golden files of Spikformer and Spikingformer note as without influence."""
    in_vain = ("norm1", "norm2", "norm", "pos_embed")
    # Spikeformer uses what it calls so, and the counts of parameters of TIM and SGLFormer include it.
    counted = any(".TIM." in name or name.startswith("localblock.") for name in state)
    dropped = () if "model.head.weight" in state or counted else in_vain
    return {name: tensor for name, tensor in state.items() if not set(name.split(".")) & set(dropped)}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def whole(model: Any, like: dict[str, Tensor]) -> dict[str, Tensor]:
    state = {**to_official(model), **to_official(model, "buffers")}
    assert set(state) == set(like)
    return {name: state[name] for name in like}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_golden_states(name: str, dtype: torch.dtype) -> None:
    file = golden(name)
    state = {key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in state_of(file).items()}
    model = load_official(state, file["system"], file["variant"], file["config"])
    assert not model.training
    assert (model.system, model.variant) == (file["system"], file["variant"])
    expected = useful(state)
    assert_same(whole(model, expected), expected)
    is_buffer = [".running_" in key or key.endswith(".num_batches_tracked") for key in expected]
    # Each part is in the order of the official file.
    assert list(to_official(model)) == [key for key, buffer in zip(expected, is_buffer, strict=True) if not buffer]
    assert list(to_official(model, "buffers")) == [key for key, b in zip(expected, is_buffer, strict=True) if b]


@pytest.mark.parametrize("name", FILES)
def test_sizes_come_from_the_tensors(name: str) -> None:
    file = golden(name)
    hidden = {word: file["config"][word] for word in HIDDEN if word in file["config"]}
    model = load_official(state_of(file), file["system"], file["variant"], hidden)
    expected = load_official(state_of(file), file["system"], file["variant"], file["config"])
    # Everything else is shown or a constant of the form, and the golden files record the same constants.
    assert model.config == expected.config


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Sizes of any system."""
    width = st.integers(1, 3).map(lambda factor: 16 * factor)
    return {
        "dim": draw(width),
        "dims": [draw(width) for _ in range(4)],
        "depth": draw(st.integers(1, 3)),
        "stage_depths": [draw(st.integers(1, 2)) for _ in range(3)],
        "depths_by_stage": [1, 1, 2, draw(st.integers(1, 3)), draw(st.integers(1, 2))],
        "heads": draw(st.sampled_from([1, 2, 4])),
        "mlp_ratio": draw(st.sampled_from([0.5, 1, 1.75, 2.625, 4])),
        "in_channels": draw(st.integers(1, 3)),
        "num_classes": draw(st.integers(1, 12)),
        "image_size": (32, 64),
    }


def of_any_size(form: tuple[str, str], words: dict[str, Any]) -> tuple[SpikingModel, dict[str, Any]]:
    """A model of a form, and the words of it that no tensor shows."""
    variant = catalog.variant(*form)
    kind = model_class(variant.builds)
    known = {field.name for field in fields(kind.Config)}
    own = {word: value for word, value in words.items() if word in known}
    if "stage_depths" in own:  # the form fixes how many stages there are
        own["stage_depths"] = own["stage_depths"][: len(variant.config["stage_depths"])]
    own |= {word: depth for word, depth in official.form(*form).depths.items() if isinstance(depth, int)}
    model = kind.from_words({**variant.config, **own})
    model.system, model.variant = form
    hidden = {word: own[word] for word in ("heads", "image_size")}
    # Of a table of positions only their number shows.
    return model, hidden | ({"built_image_size": own["image_size"]} if "built_image_size" in known else {})


def and_back(model: SpikingModel, form: tuple[str, str], hidden: dict[str, Any]) -> SpikingModel:
    """The model that its official tensors give, equal in every tensor."""
    again = load_official({**to_official(model), **to_official(model, "buffers")}, *form, hidden)
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    return again


@settings(max_examples=30)
@given(form=st.sampled_from(FORMS), words=configs())
def test_any_size(form: tuple[str, str], words: dict[str, Any]) -> None:
    assume(form[0] != "sdt_v1" or words["mlp_ratio"] != 1)  # which SDT refuses
    model, hidden = of_any_size(form, words)
    assert and_back(model, form, hidden).config == model.config


@pytest.mark.parametrize("ratio", [2.625, 2.7])
@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_a_ratio_gives_the_width_of_every_stage(form: tuple[str, str], ratio: float) -> None:
    # Rounded down, 10 of 4 channels and 21 of 8, or 86 of 32 and 216 of 80: one's quotient need not give the other.
    sizes = {"dim": 16, "dims": [16, 16, 32, 80], "depth": 1, "stage_depths": [1, 1, 1], "heads": 1}
    model, hidden = of_any_size(form, {**sizes, "mlp_ratio": ratio, "image_size": (32, 64)})
    and_back(model, form, hidden)


@pytest.mark.parametrize("ratio", [2.7, 2.71, 97 / 36])
def test_every_ratio_that_gives_the_width_is_taken_as_it_is_said(ratio: float) -> None:
    model = create_model("spikformer_2_64.digits", dim=36, mlp_ratio=2.7)
    state = {**to_official(model), **to_official(model, "buffers")}
    words = {"heads": 4, "image_size": (8, 8), "pooling": "0010"}
    assert load_official(state, "spikformer", "cifar", {**words, "mlp_ratio": ratio}).config.mlp_ratio == ratio
    assert int(36 * load_official(state, "spikformer", "cifar", words).config.mlp_ratio) == 97


def a_state() -> dict[str, Tensor]:
    return state_of(golden("spikingformer_cifar"))


def load_it(source: Any) -> Any:
    return load_official(source, "spikingformer", "cifar", {"heads": 4})


def timm_file(state: dict[str, Tensor]) -> dict[str, Any]:
    args = argparse.Namespace(lr=5e-4, model="vitsnn", opt_betas=None, mean=[0.5, 0.5, 0.5])
    optimizer = {"state": {0: {"step": 3, "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 5e-4, "params": [0]}]}
    return {
        "epoch": 299,
        "arch": "vitsnn",
        "state_dict": OrderedDict(state),
        "optimizer": optimizer,
        "version": 2,
        "args": args,
        "amp_scaler": {"scale": 65536.0},
        "metric": 95.81,
    }


def event_file(state: dict[str, Tensor]) -> dict[str, Any]:
    return {"model": OrderedDict(state), "epoch": 105, "max_test_acc1": 81.3, "args": argparse.Namespace(T=16)}


@pytest.mark.parametrize("wrap", [OrderedDict, timm_file, event_file, lambda state: {"model": timm_file(state)}])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_the_training_scripts(tmp_path: Path, wrap: Any, prefix: str, zipped: bool) -> None:
    state = a_state()
    path = tmp_path / "model_best.pth.tar"
    content = wrap({prefix + name: tensor for name, tensor in state.items()})
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    expected = useful(state)
    assert_same(whole(load_it(path), expected), expected)
    assert_same(whole(load_it(str(path)), expected), expected)
    assert_same(whole(load_it(content), expected), expected)


def test_the_mean_of_the_weights_is_the_last_choice() -> None:
    expected = useful(a_state())
    mean = {name: torch.zeros_like(tensor) for name, tensor in a_state().items()}
    assert_same(whole(load_it({"epoch": 3, "state_dict_ema": a_state()}), expected), expected)
    for key in ("state_dict", "model"):
        assert_same(whole(load_it({"state_dict_ema": mean, key: a_state()}), expected), expected)


def test_norms_without_counters() -> None:
    state = {name: tensor for name, tensor in a_state().items() if not name.endswith("num_batches_tracked")}
    model = load_it(state)
    counters = {name: int(t) for name, t in to_official(model, "buffers").items() if t.dtype == torch.int64}
    assert counters
    assert set(counters) == {name for name in useful(a_state()) if name.endswith("num_batches_tracked")}
    assert not any(counters.values())
    assert_same(to_official(model), to_official(load_it(a_state())))


def test_what_a_file_carries_in_vain_does_not_choose_the_type() -> None:
    state = a_state() | {"block.0.norm1.weight": torch.ones(64, dtype=torch.float64)}
    assert load_it(state).head.linear.weight.dtype == torch.float32


def test_a_compiled_model() -> None:
    model = load_it(a_state())
    assert_same(to_official(torch.compile(model, backend="eager")), to_official(model))


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "official.safetensors"
    save_file(a_state(), path)
    expected = useful(a_state())
    assert_same(whole(load_it(path), expected), expected)


def test_former_names_of_spikingformer() -> None:
    """A state dict under Spikformer's names, as the first Spikingformer trainings saved them."""
    file = golden("spikingformer_imagenet")
    state = state_of(file)
    old = {
        **{f"proj{i}_conv": f"proj_conv{i}" for i in (1, 2, 3)},
        **{f"proj{i}_bn": f"proj_bn{i}" for i in (1, 2, 3)},
        **{"proj4_conv": "rpe_conv", "proj4_bn": "rpe_bn"},
        **{f"mlp{i}_{part}": f"fc{i}_{part}" for i in (1, 2) for part in ("conv", "bn")},
    }
    renamed = {".".join(old.get(part, part) for part in name.split(".")): t for name, t in state.items()}
    assert set(renamed) == {entry[0] for entry in golden("spikformer_imagenet")["state_dict"]}
    model = load_official(renamed, file["system"], file["variant"], file["config"])
    expected = useful(state)
    assert_same(whole(model, expected), expected)


def test_first_upload_of_spikformer() -> None:
    state = state_of(golden("spikformer_imagenet"))
    old = {"proj_conv": "block1_conv", "proj_bn": "block1_bn"}
    old |= {f"proj_{part}{i}": f"block{i + 1}_{part}" for i in (1, 2, 3) for part in ("conv", "bn")}
    # Only the stem: the attention has a proj_conv of its own.
    renamed = {
        (f"patch_embed.{'.'.join(old.get(p, p) for p in name.split('.')[1:])}" if "patch_embed" in name else name): t
        for name, t in state.items()
    }
    assert "patch_embed.block4_bn.running_var" in renamed
    words = {"heads": 4, "pooling": "0011", "image_size": (32, 32)}
    model = load_official(renamed, "spikformer", "imagenet", words)
    expected = useful(state)
    assert_same(whole(model, expected), expected)
    assert model.stride == 4


def test_catalogue_models_have_official_names() -> None:
    model = create_model("spikformer_2_64.digits")
    official_parameters = to_official(model)
    assert sum(t.numel() for t in official_parameters.values()) == catalog.get("spikformer_2_64.digits").parameters
    assert official_parameters["block.1.attn.q_linear.weight"].shape == (64, 64)


def test_the_form_survives_our_own_checkpoints(tmp_path: Path) -> None:
    model = load_it(a_state())
    save(model, tmp_path / "ours.safetensors")
    again = load(tmp_path / "ours.safetensors")
    assert_same(to_official(again), to_official(model))


def test_gradients_only_where_there_are_some() -> None:
    model = load_it(a_state())
    assert to_official(model, "gradients") == {}
    model.blocks[1].mlp.contract.linear.weight.grad = torch.ones(64, 256)
    model.head.linear.bias.grad = torch.arange(10.0)
    gradients = to_official(model, "gradients")
    assert list(gradients) == ["block.1.mlp.mlp2_conv.weight", "head.bias"]
    assert gradients["block.1.mlp.mlp2_conv.weight"].shape == (64, 256, 1, 1)
    assert torch.equal(gradients["head.bias"], torch.arange(10.0))


def test_what_goes_out_is_a_copy() -> None:
    model = load_it(a_state())
    for tensor in to_official(model).values():
        assert not tensor.requires_grad
        tensor.zero_()
    assert model.head.linear.weight.abs().sum() > 0
    source = a_state()
    model = load_it(source)
    with torch.no_grad():
        model.head.linear.weight.zero_()
    assert source["head.weight"].abs().sum() > 0


def test_loading_draws_no_random_numbers() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    load_it(a_state())
    assert torch.equal(torch.rand(3), expected)
