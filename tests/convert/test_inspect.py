"""What `inspect` says of the papers' files, wrapped in every common way, and of files that are something else."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

import spikeformers
from spikeformers import catalog
from spikeformers.convert import Inspection, inspect, to_official
from spikeformers.errors import CheckpointError
from tests.golden_rules import fill_state, golden, golden_names
from tests.models.contract import family, in_time
from tests.oracles import library

FILES = [name for name in golden_names("") if golden(name)["system"] in catalog.official.systems()]
# Tiny ImageNet forms of 10 classes, CML, whose names are those of Spikingformer, TIM, whose two forms differ in
# thresholds only, and SGLFormer, whose two ImageNet forms pool elsewhere: other forms are as likely.
ALIKE = ("spikingformer_imagenet", "spikingformer_cml_", "tim_dvs_intended", "sglformer_imagenet2")
AMBIGUOUS = {name for name in FILES if name.startswith(ALIKE) and name != "spikingformer_cml_cifar"}
HEADS = {"sdt_v1": "spiking", "sdt_v3": "spiking", "meta_spikeformer": "spiking", "spikeformer": "sequence pooling"}
COUNTER = ".num_batches_tracked"


def shapes(name: str) -> dict[str, Tensor]:
    """The tensors of a golden file without values."""
    types = {"count": torch.int64}
    entries = golden(name)["state_dict"]
    return {key: torch.empty(shape, device="meta", dtype=types.get(kind)) for key, shape, kind in entries}


def forms(found: Inspection) -> list[tuple[str, str]]:
    return [(candidate.system, candidate.variant) for candidate in found.candidates]


@pytest.mark.parametrize("name", FILES)
def test_golden_files_by_names_and_shapes(name: str) -> None:
    file = golden(name)
    config, form = file["config"], (file["system"], file["variant"])
    found = inspect(shapes(name))
    assert found.matches
    assert not found.problems
    assert form in forms(found)
    assert forms(found)[0] == (found.system, found.variant)
    if name not in AMBIGUOUS:
        assert (found.system, found.variant) == form
    # What SGLFormer's ImageNet code calls depth counts parts of a block, of which there is one.
    depth = 1 if "blocks" in config else config.get("depth")
    assert found.depth == config.get("stage_depths", config.get("depths_by_stage", depth))
    assert found.width == config.get("dim", config.get("dims"))
    assert (found.num_classes, found.in_channels) == (config["num_classes"], config["in_channels"])
    assert found.parameters == file["parameters"].get("published", file["parameters"]["all"])
    assert found.head == HEADS.get(form[0], "linear") + (", distillation" if config.get("distillation_head") else "")
    assert found.dtype == "float32"
    # Each word is shown or assumed, never both.
    assert not found.shown.keys() & found.unknown.keys()
    timed = "full_size_conv.weight" in shapes(name)  # a head with a weight for each time step
    assert ("time_steps" in found.unknown) != timed
    assert ("heads" in found.unknown) == (form[0] != "sdt_v1")  # its talking heads show them
    assert f"--system {found.system} --variant {found.variant} " in found.command
    assert timed or f"--set time_steps={found.unknown['time_steps']}" in found.command


@pytest.mark.parametrize("name", FILES)
def test_a_candidate_loads_as_it_says(name: str) -> None:
    file = golden(name)
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    found = inspect(state)
    assert found == inspect(shapes(name))
    for candidate in found.candidates:
        if file["system"] == "tim" and candidate.variant != file["variant"]:  # alike but for constants in the file
            with pytest.raises(CheckpointError, match="keeps constants"):
                spikeformers.convert.load_official(state, candidate.system, candidate.variant, candidate.config)
            continue
        model = spikeformers.convert.load_official(state, candidate.system, candidate.variant, candidate.config)
        words = model.config.to_dict()
        assert {word: words[word] for word in candidate.config} == candidate.config


def published() -> list[str]:
    records = [catalog.get(name) for name in catalog.names()]
    known = {
        (form.system, form.variant) for system in catalog.official.systems() for form in catalog.official.forms(system)
    }
    whole = [r for r in records if (r.system, r.variant) in known and r.published_parameters]
    return [r.name for r in whole]


@in_time(published(), family)
def test_published_sizes(name: str) -> None:
    """Nothing is assumed wrongly but T of Meta-SpikeFormer, and what new models correct of the released form."""
    record = catalog.get(name)
    with torch.device("meta"):
        model = spikeformers.create_model(name)
    found = inspect({**to_official(model), **to_official(model, "buffers")})
    assert found.parameters == record.parameters
    (candidate,) = (c for c in found.candidates if (c.system, c.variant) == (record.system, record.variant))
    wrong = {word for word, value in model.config.to_dict().items() if candidate.config.get(word, value) != value}
    corrected = catalog.variant(record.system, record.variant).corrected
    assert wrong == set(corrected) | ({"time_steps"} & wrong if record.family == "meta_spikeformer" else set())
    if record.variant == "cifar" or (record.system != "spikingformer_cml" and record.variant != "imagenet2"):
        assert (found.system, found.variant) == (record.system, record.variant)


@pytest.mark.parametrize(
    ("in_channels", "num_classes", "variant", "pooling"),
    [
        (3, 10, "static", "0011"),
        (3, 100, "static", "0011"),
        (3, 1000, "static", "1111"),
        (2, 10, "dvs_mode", "0011"),
        (2, 101, "dvs_mode", "0011"),
        (2, 11, "event_static_mode", "0111"),
    ],
)
def test_channels_and_classes_choose_between_equal_names(
    in_channels: int, num_classes: int, variant: str, pooling: str
) -> None:
    state = shapes("sdt_cifar")
    state["patch_embed.proj_conv.weight"] = torch.empty(8, in_channels, 3, 3)
    state |= {"head.weight": torch.empty(num_classes, 64), "head.bias": torch.empty(num_classes)}
    found = inspect(state)
    assert set(forms(found)) == {("sdt_v1", form) for form in ("static", "dvs_mode", "event_static_mode")}
    assert (found.variant, found.unknown["pooling"]) == (variant, pooling)


def alone(state: dict[str, Tensor]) -> Any:
    return OrderedDict(state)


def timm_file(state: dict[str, Tensor]) -> Any:
    means = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    beside = {"epoch": 9, "arch": "sdt", "optimizer": {"state": {}, "param_groups": []}, "metric": 77.1, "version": 2}
    return {**beside, "state_dict": state, "state_dict_ema": means, "amp_scaler": {"scale": 65536.0}}


def mae_file(state: dict[str, Tensor]) -> Any:
    return {"model": state, "optimizer": {"state": {}}, "epoch": 3, "scaler": {"scale": 1.0}, "scheduler": {"T_max": 9}}


def averaged(state: dict[str, Tensor]) -> Any:
    return {"model_ema": {"n_averaged": torch.tensor(7)} | {f"module.{name}": tensor for name, tensor in state.items()}}


WRAPPINGS: list[tuple[Callable[[dict[str, Tensor]], Any], tuple[str, ...]]] = [
    (alone, ()),
    (timm_file, ("state_dict",)),
    (mae_file, ("model",)),
    (averaged, ("model_ema", "module.")),
    (lambda state: {"state_dict_ema": state, "epoch": 1}, ("state_dict_ema",)),
    (lambda state: {"ema": state, "args": {"lr": 0.1}}, ("ema",)),
    (lambda state: {"net": state, "acc": 91.0, "epoch": 1}, ("net",)),
    (lambda state: {"module": state, "global_steps": 3}, ("module",)),
    (lambda state: {"model": {"name": "a config"}, "net": state}, ("net",)),
    (lambda state: {"state_dict": {f"net.{name}": t for name, t in state.items()}}, ("state_dict", "net.")),
    (lambda state: {f"module.{name}": tensor for name, tensor in state.items()}, ("module.",)),
    (lambda state: {f"backbone.{name}": tensor for name, tensor in state.items()}, ("backbone.",)),
    (lambda state: {f"model.{name}": tensor for name, tensor in state.items()}, ("model.",)),
    (lambda state: {f"module._orig_mod.{name}": t for name, t in state.items()}, ("module.", "_orig_mod.")),
]  # fmt: skip


@pytest.mark.parametrize(("wrap", "wrapping"), WRAPPINGS)
@pytest.mark.parametrize("name", ["sdt_cifar_plif", "spikeformer_plif_dvsgesture", "spikingformer_cml_cifar"])
def test_wrapped_in_every_common_way(name: str, wrap: Any, wrapping: tuple[str, ...]) -> None:
    expected = inspect(shapes(name))
    found = inspect(wrap(shapes(name)))
    assert found.wrapping == wrapping
    assert found.candidates == expected.candidates
    assert found.matches


def test_spikeformer_without_its_own_prefix() -> None:
    state = {name.removeprefix("model."): t for name, t in shapes("spikeformer_plif_dvsgesture").items()}
    assert "pos_embed" in state
    found = inspect(state)
    assert (found.system, found.variant, found.wrapping) == ("spikeformer", "plif_dvsgesture", ())
    found = inspect({f"module.{name}": tensor for name, tensor in state.items()})
    assert (found.system, found.variant, found.wrapping) == ("spikeformer", "plif_dvsgesture", ("module.",))


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors", "misnamed safetensors"])
def test_files(tmp_path: Path, kind: str) -> None:
    file = golden("sdt_gesture")
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    path = tmp_path / {"safetensors": "a model.safetensors"}.get(kind, "best model.pth.tar")
    if "safetensors" in kind:
        save_file(state, path)
    else:
        torch.save(timm_file(state), path, _use_new_zipfile_serialization=kind == "zip")
    found = inspect(path)
    assert (found.source, found.variant) == (str(path), "event_static_mode")
    out = "'a model_converted.safetensors'" if kind == "safetensors" else "'best model.safetensors'"
    assert found.command == (
        f"spikeformers convert '{path}' --system sdt_v1 --variant event_static_mode --set time_steps=16 --out {out}"
    )


def test_types() -> None:
    file = golden("spikformer_cifar")
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    halves = {name: tensor.half() if tensor.dim() > 1 else tensor for name, tensor in state.items()}
    assert inspect(halves).dtype == "float16 and float32"
    assert inspect({name: tensor.bfloat16() for name, tensor in state.items()}).dtype == "bfloat16"


def test_an_old_torch_had_no_counters() -> None:
    state = {name: tensor for name, tensor in shapes("sdt_cifar").items() if not name.endswith(COUNTER)}
    assert inspect(state).variant == "static"


def test_checkpoints_of_this_library(tmp_path: Path) -> None:
    model = spikeformers.create_model("sdt_2_64.digits")
    path = tmp_path / "ours.safetensors"
    spikeformers.save(model, path, provenance={"seed": 3})
    found = inspect(path)
    assert found.matches
    assert found.own == {"name": "sdt_2_64.digits", "builds": model.builds, "provenance": {"seed": 3}}
    assert (found.system, found.variant, found.depth, found.width) == ("sdt_v1", "static", 2, 64)
    assert found.parameters == catalog.get("sdt_2_64.digits").parameters
    assert (found.shown, found.unknown, found.head) == (model.config.to_dict(), {}, "spiking")
    assert found.command == f"spikeformers eval {path}"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="truncated"):
        inspect(path)
    found = inspect(model.state_dict())
    assert not found.matches
    assert "this library's own" in found.problems[0]


class Other(nn.Module):
    """A network with a few names that released forms have, too."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 10)
        self.body = nn.ModuleList(nn.Linear(64, 64) for _ in range(5))


def optimizer_state() -> dict[str, Any]:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (optimizer_state(), "found the state of an optimizer"),
        ({"optimizer": optimizer_state(), "epoch": 3}, "these entries are no tensors: optimizer, epoch"),
        ({}, "found nothing"),
        ({"weight": torch.ones(2, 2), "bias": torch.ones(2)}, "None of these 2 tensors has a name"),
        (Other().state_dict(), "Another network: of its 12 names 2 are those of"),
    ],
)
def test_other_things(source: Any, problem: str) -> None:
    found = inspect(source)
    assert (found.matches, found.system, found.variant, found.candidates) == (False, None, None, ())
    assert found.command == ""
    assert problem in found.problems[0]


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "convnext_atto", "swin_tiny_patch4_window7_224"])
def test_networks_of_others(name: str) -> None:
    timm = library("timm")
    with torch.device("meta"):
        state = timm.create_model(name).state_dict()
    found = inspect(state)
    assert (found.matches, found.system, found.candidates) == (False, None, ())
    assert found.problems


def test_what_is_wrong_is_counted_and_named() -> None:
    state = shapes("metaspikeformer")
    del state["block3.4.mlp.fc1_bn.bias"], state["downsample2.encode_conv.bias"]
    state["block4.1.attn.q_conv.1.weight"] = torch.empty(79)
    state["norm.weight"] = torch.empty(80)
    found = inspect(state)
    assert found.problems == (
        "Not 'meta_spikeformer' in the form 'classification', the nearest, with which 823 of 824 names are shared.",
        "2 missing: downsample2.encode_conv.bias, block3.4.mlp.fc1_bn.bias",
        "1 unexpected: norm.weight",
        "1 of another shape: block4.1.attn.q_conv.1.weight (79,) where (80,) is expected",
    )


@pytest.mark.parametrize("name", FILES)
def test_the_first_half_of_a_file(name: str) -> None:
    state = shapes(name)
    found = inspect(dict(list(state.items())[: len(state) // 2]))
    assert (found.matches, found.system) == (False, None)
    assert found.problems[0].startswith("A part of ")
    assert found.problems[1].split(" ", 1)[1].startswith("missing: ")


@pytest.mark.parametrize("name", FILES)
def test_shuffled_shapes(name: str) -> None:
    state = shapes(name)
    values = list(state.values())
    random.Random(0).shuffle(values)
    found = inspect(dict(zip(state, values, strict=True)))
    assert (found.matches, found.system) == (False, None)
    assert "is there, but with shapes that no such model has" in found.problems[0]


STATES = {
    name: shapes(name)
    for name in (
        *("metaspikeformer_kd", "sdt_cifar_plif", "spikformer_cifar", "spikeformer_plif_dvsgesture", "sdt_v3_base_b"),
    )
}
# Whatever these say may be true: they alone show a word (or are never used, as Spikformer's norm1 and norm2).
ALONE_IN_SHOWING = ("pos_embed", "time_embed", "talking_heads", ".norm1.", ".norm2.")

edited = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def tensors(draw: st.DrawFn) -> tuple[str, str]:
    name = draw(st.sampled_from(sorted(STATES)))
    key = draw(st.sampled_from(list(STATES[name])))
    idle = name == "spikformer_cifar" and any(word in key for word in (".norm1.", ".norm2."))
    assume(not idle)
    return name, key


@edited
@given(chosen=tensors())
def test_without_one_tensor_nothing_matches(chosen: tuple[str, str]) -> None:
    name, key = chosen
    found = inspect({other: tensor for other, tensor in STATES[name].items() if other != key})
    # Without one of its two tensors a distillation head is still there; without both it is another form.
    assert not found.matches
    assert key in "\n".join(found.problems)


@pytest.mark.slow
@edited
@given(chosen=tensors(), text=st.text("abcw.0", min_size=1, max_size=4), keep=st.booleans())
def test_under_another_name_nothing_matches(chosen: tuple[str, str], text: str, keep: bool) -> None:
    name, key = chosen
    state = STATES[name]
    other = f"{key}{text}" if keep else f"{text}{key}"
    assume(other not in state)
    renamed = {other if each == key else each: tensor for each, tensor in state.items()}
    assert not inspect(renamed).matches


@pytest.mark.slow
@edited
@given(chosen=tensors(), data=st.data())
def test_in_another_shape_nothing_matches(chosen: tuple[str, str], data: st.DataObject) -> None:
    name, key = chosen
    shape = list(STATES[name][key].shape)
    change = data.draw(st.sampled_from(["grow", "add", "drop"] if shape else ["add"]))
    index = data.draw(st.integers(0, max(len(shape) - 1, 0)))
    if change == "grow":
        shape[index] += data.draw(st.integers(1, 9))
    elif change == "add":
        shape.insert(index, data.draw(st.integers(2, 9)))
    else:
        del shape[index]
    first = next(iter(STATES[name])) if name != "spikeformer_plif_dvsgesture" else ""
    # One dimension of the first convolution alone shows the channels of the input; tables show their own length.
    assume(not (change == "grow" and index == 1 and (key == first or any(word in key for word in ALONE_IN_SHOWING))))
    assert not inspect({**STATES[name], key: torch.empty(shape, device="meta")}).matches


@pytest.mark.slow
@edited
@given(name=st.sampled_from(sorted(STATES)), data=st.data())
def test_two_tensors_in_each_others_place(name: str, data: st.DataObject) -> None:
    state = STATES[name]
    one, other = data.draw(st.lists(st.sampled_from(list(state)), min_size=2, max_size=2, unique=True))
    assume(state[one].shape != state[other].shape)
    # Two tables in each other's place are tables of other lengths.
    assume(not all(any(word in key for word in ALONE_IN_SHOWING) for key in (one, other)))
    swapped = {**state, one: state[other], other: state[one]}
    assert not inspect(swapped).matches


@edited
@given(name=st.sampled_from(sorted(STATES)), data=st.data())
def test_a_file_cut_short(name: str, data: st.DataObject) -> None:
    names = list(STATES[name])
    length = data.draw(st.integers(1, len(names) - 1))
    # Without its second head, which comes last, a distilled model is a whole model.
    assume(not names[length].startswith("head_kd.weight"))
    assert not inspect({key: STATES[name][key] for key in names[:length]}).matches
