"""`spikeformers eval`."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from spikeformers.data import load_dataset, read_all
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


def test_accuracy_over_time_steps(spikeformers, trained):
    told = json.loads(spikeformers("eval", trained, "--time-steps", "1,4", "--json").out)
    assert (told["dataset"], told["checkpoint"]) == ("digits", str(trained / "last.safetensors"))
    assert [row["time_steps"] for row in told["over_time"]] == [1, 4]
    own = json.loads(spikeformers("eval", trained, "--json").out)
    assert own["time_steps"] == 4
    assert {**own, **told["over_time"][1]} == own
    alone = json.loads(spikeformers("eval", trained, "--time-steps", 1, "--json").out)
    assert {**alone, **told["over_time"][0]} == alone
    shown = spikeformers("eval", trained, "--time-steps", "1,4").out
    assert "4 (as trained)" in shown
    assert all(f"{row['correct']} of 360" in shown for row in told["over_time"])


@pytest.fixture
def folders(tmp_path):
    """A folder of digits: one of each to train on, the first 120 of the test part to test on."""
    digits = load_dataset("digits")
    for part, source, count in (("train", digits.train, 100), ("test", digits.test, 120)):
        pictures = read_all(source)
        for index in range(count):
            folder = tmp_path / part / digits.classes[int(pictures.labels[index])]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pictures.images[index, 0].numpy()).save(folder / f"{index}.png")
    return tmp_path


@pytest.mark.parametrize("batch_size", [1, 50])
def test_unreadable_pictures_are_named_and_not_counted(spikeformers, trained, folders, batch_size, monkeypatch):
    monkeypatch.setattr("spikeformers.data.pictures.opening.BUDGET", 0)  # decoded as they are read
    damaged = next((folders / "test" / "3").iterdir())
    words = ("eval", trained, "--dataset", "image_folder", "--data-dir", folders, "--batch-size", batch_size)
    damaged.write_bytes(b"no picture")
    answer = spikeformers(*words, "--workers", 0, "--json")
    told = json.loads(answer.out)
    assert told["samples"] == sum(map(sum, told["confusion"])) == 119
    assert len(told["unreadable"]) == 1
    assert str(damaged) in told["unreadable"][0]
    assert answer.err.startswith("1 image cannot be read and is left out:\n")
    assert str(damaged) in answer.err
    damaged.unlink()
    answer = spikeformers(*words, "--workers", 0, "--json")
    rest = json.loads(answer.out)
    assert (rest["confusion"], rest["unreadable"], answer.err) == (told["confusion"], [], "")
