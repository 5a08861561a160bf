"""Checkpoints: nothing is lost on the way to a file and back."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

import spikeformers
from spikeformers.models import Header, read_header
from tests.models.tiny import SMALLEST, random_input, smallest

PROVENANCE = {"recipe": "none", "seed": 3, "accuracy": 0.5, "note": "größer, 大", "list": [1, None, True]}
KEY = "spikeformers"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good checkpoint."""
    spikeformers.save(smallest(), tmp_path / "model.safetensors", provenance=PROVENANCE)
    return tmp_path / "model.safetensors"


# ---- there and back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"neuron": "plif", "tau": 1.5},
        {"neuron": "pliaf"},
        {"neuron": "integer"},
        {"tau": math.inf},
        {"v_reset": None, "decay_input": False, "surrogate": "atan", "surrogate_alpha": 3.0},
    ],
    ids=lambda words: ", ".join(f"{word} {value}" for word, value in words.items()) or "plain",
)
def test_a_round_trip_changes_nothing(words: dict[str, Any], tmp_path: Path) -> None:
    model = smallest(**words)
    for name, parameter in model.named_parameters():
        if name.endswith(".w"):
            torch.nn.init.uniform_(parameter)  # a learned time constant that has left its start
    spikeformers.save(model, tmp_path / "model.safetensors")
    again = spikeformers.load(tmp_path / "model.safetensors")
    assert type(again) is type(model)
    assert again.config == model.config
    assert (again.name, again.system, again.variant) == (SMALLEST, "spikformer", "cifar")
    assert not again.training
    assert_same_state(again.state_dict(), model.state_dict())
    x = random_input(model, 2)
    assert torch.equal(again(x), model(x))


def assert_same_state(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert list(one) == list(other)
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype, name
        assert torch.equal(tensor, other[name]), name


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_the_dtype_is_kept(dtype: torch.dtype, tmp_path: Path) -> None:
    model = smallest(neuron="plif").to(dtype)
    spikeformers.save(model, tmp_path / "model.safetensors")
    again = spikeformers.load(tmp_path / "model.safetensors")
    assert_same_state(again.state_dict(), model.state_dict())
    assert {p.dtype for p in again.parameters()} == {dtype}
    assert all(p.requires_grad for p in again.parameters())
    x = random_input(model, 2)
    assert torch.equal(again(x), model(x))


def test_a_loaded_model_trains_on(path: Path) -> None:
    model = spikeformers.load(path).train()
    model(random_input(model, 4)).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_saving_leaves_the_model_as_it_is(tmp_path: Path) -> None:
    model = smallest().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    spikeformers.save(model, str(tmp_path / "new" / "place" / "model.safetensors"))
    assert model.training
    assert_same_state(dict(model.state_dict()), before)
    assert sorted(tmp_path.rglob("*.*")) == [tmp_path / "new" / "place" / "model.safetensors"]


def test_loading_draws_no_random_numbers(path: Path) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    spikeformers.load(path)
    assert torch.equal(torch.rand(3), expected)


def test_the_same_model_makes_the_same_file(path: Path) -> None:
    content = path.read_bytes()
    spikeformers.save(spikeformers.load(path), path, provenance=PROVENANCE)
    assert path.read_bytes() == content


# ---- the header ----------------------------------------------------------------------------------------------------


def test_the_header_says_what_the_file_holds(path: Path) -> None:
    assert read_header(path) == Header(
        format=1,
        name=SMALLEST,
        builds="spikeformers.models.spikformer:Spikformer",
        system="spikformer",
        variant="cifar",
        config=smallest().config.to_dict(),
        provenance=PROVENANCE,
    )


def test_the_header_is_json_that_any_program_can_read(path: Path) -> None:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    ours = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][KEY])
    assert ours["name"] == SMALLEST
    assert ours["config"]["dim"] == 16
    assert ours["provenance"] == PROVENANCE


def test_the_header_is_read_without_the_weights(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **words: object) -> None:
        raise AssertionError("a tensor was read")

    monkeypatch.setattr(safetensors.torch, "load_file", refuse)
    assert read_header(path).name == SMALLEST


def test_a_model_of_ones_own_config_has_no_name(tmp_path: Path) -> None:
    model = type(smallest()).from_words({"dim": 16, "heads": 2, "depth": 1})
    spikeformers.save(model, tmp_path / "model.safetensors")
    header = read_header(tmp_path / "model.safetensors")
    assert (header.name, header.system, header.variant) == (None, None, None)
    again = spikeformers.load(tmp_path / "model.safetensors")
    assert (again.name, again.config) == (None, model.config)
