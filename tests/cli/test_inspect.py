"""`spikeformers inspect`."""

from __future__ import annotations

import json
import shlex

import pytest
import torch

import spikeformers as package
from spikeformers.convert import inspect
from tests.golden_rules import fill_state, golden

KEYS = {
    *("system", "variant", "depth", "width", "num_classes", "in_channels", "head", "parameters", "candidates"),
    *("unknown", "command", "matches", "problems"),
}


@pytest.fixture
def checkpoint(tmp_path):
    """A file as the authors of Meta-SpikeFormer save it."""
    file = golden("metaspikeformer_kd")
    state = fill_state(file["state_dict"], file["fill"]["salt"])
    path = tmp_path / "kd checkpoint.pth"
    torch.save({"model": state, "epoch": 3}, path)
    return path


def test_says_what_a_file_is_and_what_it_does_not_tell(spikeformers, checkpoint):
    answer = spikeformers("inspect", checkpoint)
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split(maxsplit=1) for line in answer.out.splitlines() if line.startswith("  ")]
    told = {line[0]: line[1].strip() for line in lines if len(line) == 2}
    assert (told["system"], told["form"], told["head"]) == (
        "meta_spikeformer",
        "classification",
        "spiking, distillation",
    )
    assert (told["depth"], told["width"]) == ("1, 1, 2, 6, 2", "16, 32, 64, 80")
    assert told["parameters"] == "902,484"
    assert "Not told by any file for certain, assumed:" in answer.out
    assert (told["heads"], told["head_input"], told["attention_scale"]) == ("8", "spikes", "0.125")


def test_the_command_it_proposes_works(spikeformers, checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip() for line in spikeformers("inspect", checkpoint).out.splitlines()]
    (command,) = (line for line in lines if line.startswith("spikeformers convert"))
    assert spikeformers(*shlex.split(command)[1:]).code == 0
    model = package.load("kd checkpoint.safetensors")
    assert model.config.distillation_head
    assert model.config.heads == 8


def test_json_is_the_inspection(spikeformers, checkpoint):
    told = json.loads(spikeformers("inspect", checkpoint, "--json").out)
    assert told.keys() >= KEYS
    found = inspect(checkpoint)
    assert told == json.loads(json.dumps(found.to_dict()))
    assert told["depth"] == [1, 1, 2, 6, 2]
    assert told["candidates"][0]["config"]["dims"] == [16, 32, 64, 80]


def test_other_forms_are_listed_with_what_differs(spikeformers, tmp_path):
    file = golden("spikingformer_cml_cifar")
    torch.save(fill_state(file["state_dict"], ""), tmp_path / "a.pth")
    lines = [line.split() for line in spikeformers("inspect", tmp_path / "a.pth").out.splitlines()]
    assert ["spikingformer_cml", "cifar"] in lines
    (differs,) = (line for line in lines if line[:2] == ["spikingformer", "imagenet"])
    assert " ".join(differs[2:]) == "pool_before_neuron False, image_size 224, 224, pooling 1111"


def test_a_file_of_ours(spikeformers, tmp_path):
    model = package.create_model("spikformer_2_64.digits")
    package.save(model, tmp_path / "ours.safetensors")
    answer = spikeformers("inspect", tmp_path / "ours.safetensors")
    assert "of this library" in answer.out
    assert f"spikeformers eval {tmp_path / 'ours.safetensors'}" in answer.out
    assert "spikeformers info spikformer_2_64.digits" in answer.out
    assert "pooling                0010" in answer.out


def test_what_a_file_is_not(spikeformers, tmp_path):
    torch.save(torch.nn.Linear(3, 4).state_dict(), tmp_path / "a.pth")
    answer = spikeformers("inspect", tmp_path / "a.pth")
    assert answer.code == 0
    assert "None of these 2 tensors has a name that a released form known here has." in answer.out
    told = json.loads(spikeformers("inspect", tmp_path / "a.pth", "--json").out)
    assert (told["matches"], told["system"], told["command"]) == (False, None, "")
    answer = spikeformers("inspect", tmp_path / "absent.pth")
    assert (answer.code, answer.out) == (1, "")
    assert "absent.pth: there is no such file" in answer.err
