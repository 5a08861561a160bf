"""`spikeformers convert`."""

from __future__ import annotations

import json

import pytest
import torch

import spikeformers as package
from tests.golden_rules import fill_state, golden


@pytest.fixture
def checkpoint(tmp_path):
    """A file as the authors of Spikformer save it."""
    file = golden("spikformer_cifar")
    path = tmp_path / "best.pth.tar"
    torch.save({"state_dict": fill_state(file["state_dict"], file["fill"]["salt"]), "epoch": 3}, path)
    return path


def test_writes_a_file_that_rebuilds_the_model(spikeformers, checkpoint, tmp_path):
    out = tmp_path / "best.safetensors"
    answer = spikeformers("convert", checkpoint, "--set", "heads=4", "--set", "pooling=0011", "--out", out)
    assert (answer.code, answer.err) == (0, "")
    text = " ".join(answer.out.split())
    assert "verified 116 tensors come back under the authors' names bit for bit" in text
    assert "left behind 8 tensors that the authors' models never use: block.0.norm1.weight" in text
    assert "time_steps 4" in text
    model = package.load(out)
    assert (model.config.heads, model.system, model.variant) == (4, "spikformer", "cifar")
    logits = model(torch.zeros(1, 3, 32, 32))
    assert logits.shape == (1, 10)


def test_json(spikeformers, checkpoint, tmp_path):
    words = ("--system", "spikformer", "--variant", "cifar", "--set", "heads=4")
    answer = spikeformers("convert", checkpoint, *words, "--out", tmp_path / "a.safetensors", "--json")
    told = json.loads(answer.out)
    assert (told["system"], told["verified"], len(told["dropped"])) == ("spikformer", 116, 8)
    assert told["config"]["heads"] == 4
    assert "heads" not in told["assumed"]


def test_words_of_digits_are_words(spikeformers, checkpoint, tmp_path):
    out = tmp_path / "a.safetensors"
    assert spikeformers("convert", checkpoint, "--set", "heads=4", "--set", "pooling=1111", "--out", out).code == 0
    assert package.load(out).config.pooling == "1111"


def test_never_overwrites_unasked(spikeformers, checkpoint, tmp_path):
    out = tmp_path / "a.safetensors"
    out.write_text("precious")
    answer = spikeformers("convert", checkpoint, "--out", out)
    assert (answer.code, answer.out) == (1, "")
    assert "a.safetensors exists" in answer.err
    assert out.read_text() == "precious"
    assert spikeformers("convert", checkpoint, "--out", out, "--overwrite").code == 0


def test_words_that_do_not_fit_are_errors(spikeformers, checkpoint, tmp_path):
    out = tmp_path / "a.safetensors"
    for setting, message in (("heads", "Expected KEY=VALUE"), ("haeds=4", "Did you mean 'heads'"), ("dim=9", "dim 64")):
        answer = spikeformers("convert", checkpoint, "--set", setting, "--out", out)
        assert answer.code == 1
        assert message in answer.err
    assert not out.exists()
