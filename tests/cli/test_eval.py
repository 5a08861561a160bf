"""`spikeformers eval`."""

from __future__ import annotations

import json

import pytest

from spikeformers.models import load, save


def test_accuracy_is_that_of_the_run(spikeformers, trained):
    run = json.loads((trained / "result.json").read_text())
    answer = spikeformers("eval", trained, "--json")
    told = json.loads(answer.out)
    assert answer.code == 0
    assert told["accuracy"] == run["last_accuracy"] == told["correct"] / told["samples"]
    assert (told["model"], told["dataset"]) == (run["model_name"], "digits")
    assert told["checkpoint"] == str(trained / "last.safetensors")
    assert f"{told['correct']} of 360" in spikeformers("eval", trained / "best.safetensors", "--batch-size", 7).out


def test_a_model_without_a_run_needs_the_data_set(spikeformers, trained, tmp_path):
    bare = tmp_path / "bare.safetensors"
    save(load(trained / "best.safetensors"), bare)
    answer = spikeformers("eval", bare)
    assert answer.code == 1
    assert "--dataset" in answer.err
    told = json.loads(spikeformers("eval", bare, "--dataset", "digits", "--json").out)
    assert told["accuracy"] == json.loads(spikeformers("eval", trained, "--json").out)["accuracy"]


@pytest.mark.parametrize("words", [["nowhere"], ["{run}", "--dataset", "digitz"], ["{run}", "--batch-size", "0"]])
def test_errors_are_explained(spikeformers, trained, words):
    answer = spikeformers("eval", *(word.format(run=trained) for word in words))
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("Error: ")


def test_a_truncated_checkpoint_is_explained(spikeformers, trained, tmp_path):
    half = tmp_path / "half.safetensors"
    whole = (trained / "best.safetensors").read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    answer = spikeformers("eval", half)
    assert (answer.code, answer.out) == (1, "")
    assert str(half) in answer.err
