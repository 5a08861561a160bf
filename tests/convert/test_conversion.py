"""A file of the authors becomes one that rebuilds its model alone, and every tensor comes back bit for bit."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import spikeformers
from spikeformers.convert import convert_file, inspect, to_official
from spikeformers.convert.conversion import _same
from spikeformers.errors import CheckpointError, ConfigError, UnknownNameError
from spikeformers.models.checkpoint import read_header
from tests.golden_rules import fill_state, golden, golden_names

FILES = [
    *("sdt_cifar_plif", "sdt_cifar10dvs_tet", "metaspikeformer_kd", "metaspikeformer_membrane_head", "sdt_v3_base_b"),
    *golden_names("spikeformer"),
    *("spikformer_cifar", "spikformer_cifar10dvs", "spikingformer_imagenet"),
]


def written(name: str, path: Path, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Write a golden state as timm does, and return it."""
    file = golden(name)
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    state = {key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    torch.save({"state_dict": {f"module.{key}": tensor for key, tensor in state.items()}, "epoch": 3}, path)
    return state


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_is_what_was_there(tmp_path: Path, name: str) -> None:
    file, source, out = golden(name), tmp_path / "best.pth.tar", tmp_path / "best.safetensors"
    state = written(name, source)
    done = convert_file(source, out, system=file["system"], variant=file["variant"], config=file["config"])
    model = spikeformers.load(out)
    given = spikeformers.convert.load_official(state, file["system"], file["variant"], file["config"])
    assert model.config == given.config
    assert (model.system, model.variant) == (file["system"], file["variant"])
    found = {**to_official(model), **to_official(model, "buffers")}
    assert set(found) | set(done.dropped) == set(state)
    assert all(torch.equal(tensor, state[key]) for key, tensor in found.items())
    assert done.verified == len(found)
    assert done.parameters == file["parameters"].get("published", file["parameters"]["all"])
    provenance = read_header(out).provenance
    assert provenance["converted_from"] == "best.pth.tar"
    assert provenance["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest() == done.sha256
    assert (provenance["system"], provenance["variant"]) == (file["system"], file["variant"])
    assert provenance["assumed"] == done.to_dict()["assumed"]
    assert not done.assumed.keys() & file["config"].keys()


def test_the_likeliest_form_is_taken_and_what_was_assumed_is_said(tmp_path: Path) -> None:
    written("sdt_gesture", tmp_path / "a.pth")
    done = convert_file(tmp_path / "a.pth", tmp_path / "a.safetensors", config={"time_steps": 7})
    assert (done.system, done.variant) == ("sdt_v1", "event_static_mode")
    assert done.assumed["pooling"] == "0111"
    assert done.assumed["image_size"] == [128, 128]
    assert not {"time_steps", "heads", "dim"} & done.assumed.keys()
    assert (done.config["time_steps"], done.config["heads"]) == (7, 8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_types_stay(tmp_path: Path, dtype: torch.dtype) -> None:
    state = written("sdt_cifar", tmp_path / "a.pth", dtype)
    convert_file(tmp_path / "a.pth", tmp_path / "a.safetensors")
    found = to_official(spikeformers.load(tmp_path / "a.safetensors"))
    assert all(tensor.dtype == dtype and torch.equal(tensor, state[key]) for key, tensor in found.items())


def test_several_types_become_the_one_that_holds_all(tmp_path: Path) -> None:
    file = golden("sdt_cifar")
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    state = {key: tensor.half() if "_conv" in key else tensor for key, tensor in state.items()}
    torch.save(state, tmp_path / "a.pth")
    done = convert_file(tmp_path / "a.pth", tmp_path / "a.safetensors")
    assert done.verified == len(state)
    found = to_official(spikeformers.load(tmp_path / "a.safetensors"))
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}
    assert all(torch.equal(tensor.to(state[key].dtype), state[key]) for key, tensor in found.items())


def test_bits_are_compared_not_values() -> None:
    nan = torch.tensor([float("nan"), 1.0])
    assert _same(nan, nan.clone())
    assert not _same(torch.tensor([0.0]), torch.tensor([-0.0]))
    assert not _same(torch.tensor([1.0]), torch.tensor([1.0, 2.0]))
    assert _same(torch.tensor(3), torch.tensor(3))
    assert _same(torch.tensor([1.5]), torch.tensor([1.5]).half())
    assert not _same(torch.tensor([1.1]), torch.tensor([1.1]).half() + 0.01)


def test_what_does_not_come_back_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written("sdt_cifar", tmp_path / "a.pth")

    def wrong(model: Any, what: str = "parameters") -> dict[str, Tensor]:
        tensors = to_official(model, what)
        return {key: tensor + 1 if key == "head.bias" else tensor for key, tensor in tensors.items()}

    monkeypatch.setattr("spikeformers.convert.conversion.to_official", wrong)
    with pytest.raises(CheckpointError, match=r"1 tensors did not come back as they were: head\.bias"):
        convert_file(tmp_path / "a.pth", tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()


def test_the_catalogue_name_comes_with_the_catalogue_configuration(tmp_path: Path) -> None:
    model = spikeformers.create_model("sdt_2_256.cifar10")
    torch.save({**to_official(model), **to_official(model, "buffers")}, tmp_path / "a.pth")
    done = convert_file(tmp_path / "a.pth", tmp_path / "a.safetensors")
    assert done.name == spikeformers.load(tmp_path / "a.safetensors").name == "sdt_2_256.cifar10"
    done = convert_file(tmp_path / "a.pth", tmp_path / "a.safetensors", config={"time_steps": 1}, overwrite=True)
    assert done.name is None


MIXED = {
    "qkformer_cifar": {"ssa_time_axis": "batch_mixed"},
    "qkformer_gesture": {"ssa_time_axis": "batch_mixed"},
    "sglformer_imagenet": {"ssa_time_axis": "batch_mixed"},
    "sglformer_imagenet2": {"ssa_time_axis": "batch_mixed", "stem_time_axis": "batch_mixed"},
}


@pytest.mark.parametrize(("name", "released"), MIXED.items())
def test_files_of_the_authors_are_taken_as_released_on_every_way(
    tmp_path: Path, name: str, released: dict[str, str]
) -> None:
    """The three ways are one: without a word they mix batches, and each takes the corrected form by the same words."""
    file, source, out = golden(name), tmp_path / "a.pth", tmp_path / "a.safetensors"
    form = {"system": file["system"], "variant": file["variant"]}
    state = written(name, source)
    (candidate,) = (c for c in inspect(state).candidates if (c.system, c.variant) == tuple(form.values()))
    loaded = spikeformers.convert.load_official(state, **form).config.to_dict()
    converted = convert_file(source, out, **form)
    for config in (candidate.config, loaded, converted.config):
        assert {word: config[word] for word in released} == released
    assert {word: converted.assumed[word] for word in released} == released
    if tuple(form.values()) == ((found := inspect(source)).system, found.variant):
        assert all(f" --set {word}={value}" in found.command for word, value in released.items())
    apart = dict.fromkeys(released, "per_sample")
    assert spikeformers.convert.load_official(state, **form, config=apart).config == (
        spikeformers.load(convert_file(source, out, **form, config={**candidate.config, **apart}, overwrite=True).out)
    ).config.from_words({**loaded, **apart})
    corrected = (r for r in map(spikeformers.catalog.get, spikeformers.list_models()) if r.system == file["system"])
    assert all(r.config.get(word, "per_sample") == "per_sample" for r in corrected for word in released)


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    source, out = tmp_path / "a.pth", tmp_path / "a.safetensors"
    written("sdt_cifar", source)
    out.write_text("precious")
    with pytest.raises(CheckpointError, match=r"a\.safetensors exists; choose another name, or say --overwrite"):
        convert_file(source, out)
    assert out.read_text() == "precious"
    convert_file(source, out, overwrite=True)
    assert spikeformers.load(out).system == "sdt_v1"
    with pytest.raises(ConfigError, match=r"a name that ends in \.safetensors"):
        convert_file(source, tmp_path / "a.pth", overwrite=True)
    with pytest.raises(CheckpointError, match="is the file to convert"):
        convert_file(out, out, overwrite=True)


def test_equally_likely_forms_must_be_chosen_between(tmp_path: Path) -> None:
    source, out = tmp_path / "a.pth", tmp_path / "a.safetensors"
    written("spikingformer_gesture", source)
    with pytest.raises(CheckpointError) as caught:
        convert_file(source, out)
    first, second = str(caught.value).splitlines()[1:]
    assert first == "  --system spikingformer --variant gesture"
    assert second.startswith("  --system spikingformer_cml --variant gesture  (tau 1.75, pool_before_neuron True)")
    assert not out.exists()
    assert convert_file(source, out, system="spikingformer_cml").config["pool_before_neuron"]
    assert convert_file(source, out, variant="cifar", overwrite=True).system == "spikingformer_cml"
    done = convert_file(source, out, system="spikingformer", variant="gesture", overwrite=True)
    assert not done.config["pool_before_neuron"]


def test_less_likely_forms_are_named_unless_the_form_was_said(tmp_path: Path) -> None:
    """Nothing in these tensors says that they are ImageNet's; ten classes and three channels are CIFAR's."""
    source, out = tmp_path / "a.pth", tmp_path / "a.safetensors"
    written("spikingformer_cml_imagenet", source)
    done = convert_file(source, out)
    assert (done.system, done.variant) == ("spikingformer_cml", "cifar")
    assert {"spikingformer_cml imagenet", "spikingformer imagenet"} <= set(done.others)
    assert convert_file(source, out, system="spikingformer_cml", variant="imagenet", overwrite=True).others == ()


def test_what_fits_no_form(tmp_path: Path) -> None:
    source, out = tmp_path / "a.pth", tmp_path / "a.safetensors"
    state = written("sdt_cifar", source)
    with pytest.raises(CheckpointError, match="not the whole of any released form of spikformer known here"):
        convert_file(source, out, system="spikformer")
    with pytest.raises(UnknownNameError, match="Did you mean 'sdt_v3' or 'sdt_v1'"):
        convert_file(source, out, system="sdt_v2")
    with pytest.raises(CheckpointError, match=r"not a whole 'spikformer' in the form 'imagenet'"):
        convert_file(source, out, system="spikformer", variant="imagenet")
    with pytest.raises(ConfigError, match=r"no word 'haeds'\. Did you mean 'heads'"):
        convert_file(source, out, config={"haeds": 8})
    del state["head.bias"]
    torch.save(state, source)
    with pytest.raises(CheckpointError, match="`spikeformers inspect FILE` says why"):
        convert_file(source, out)
    assert not out.exists()
