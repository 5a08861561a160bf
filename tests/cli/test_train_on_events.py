"""Training and judging on recordings in the official layout of N-MNIST, of which users may have one part only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spikeformers.cli import main
from tests.data.event_sets.writing import write_nmnist

SMALL = ("model.config.dim=16", "model.config.heads=2", "model.config.time_steps=2", "batch_size=8", "ema=0.0")


def names(part: str, first: int, last: int) -> list[str]:
    """One recording of each number, of the digits 0 to 6 in turn."""
    return [f"{part}/{number % 7}/{number:05d}.bin" for number in range(first, last)]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Training recordings in one folder, test recordings in another."""
    root = tmp_path_factory.mktemp("nmnist")
    write_nmnist(root / "mine", names("Train", 1, 41))
    write_nmnist(root / "other", names("Test", 1, 26))
    return root


@pytest.fixture(scope="module")
def run(places: Path) -> Path:
    out = places / "run"
    settings = [word for setting in SMALL for word in ("--set", setting)]
    words = ["train", "nmnist", "--data-dir", str(places / "mine"), "--epochs", "1", "--out", str(out), *settings]
    assert main(words) == 0
    return out


def test_without_a_test_part_a_tenth_is_kept_apart_and_said_so(spikeformers, places, tmp_path):
    settings = [word for setting in SMALL for word in ("--set", setting)]
    words = ("--data-dir", places / "mine", "--epochs", 1, "--out", tmp_path / "run", *settings)
    answer = spikeformers("train", "nmnist", *words, "--json")
    assert answer.code == 0
    assert "N-MNIST has no test part here: 4 of its 40 training samples" in answer.err
    # Of 36 that are left four batches of eight are full.
    assert json.loads(answer.out)["epochs"][0]["step"] == 4


def test_a_run_is_judged_on_a_folder_with_test_recordings_only(spikeformers, places, run):
    answer = spikeformers("eval", run, "--data-dir", places / "other", "--json")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert found["samples"] == 25
    assert 0 <= found["accuracy"] == found["correct"] / 25 <= 1
    assert found["dataset"] == "nmnist"


def test_on_its_own_folder_it_is_judged_by_what_was_kept_apart(spikeformers, places, run):
    answer = spikeformers("eval", run, "--data-dir", places / "mine", "--json")
    assert json.loads(answer.out)["samples"] == 4
    assert "no test part here" in answer.err


def test_other_numbers_of_time_steps_cut_the_recordings_anew(spikeformers, places, run):
    answer = spikeformers("eval", run, "--data-dir", places / "other", "--time-steps", "1,2,5", "--json")
    assert answer.code == 0
    rows = json.loads(answer.out)["over_time"]
    assert [row["time_steps"] for row in rows] == [1, 2, 5]
    alone = json.loads(spikeformers("eval", run, "--data-dir", places / "other", "--json").out)
    assert rows[1]["loss"] == pytest.approx(alone["loss"])


def test_folds_go_by_the_number_of_the_recording(spikeformers, places, tmp_path):
    settings = [word for setting in SMALL for word in ("--set", setting)]
    words = ("--folds", 2, "--epochs", 1, "--data-dir", places / "mine", "--out", tmp_path / "runs", *settings)
    answer = spikeformers("crossval", "nmnist", *words, "--json")
    assert answer.code == 0
    assert len(json.loads(answer.out)["folds"]) == 2
    # A run that was tested on a fold is so again where the training recordings are, else on the test part.
    fold = tmp_path / "runs" / "fold-1"
    assert json.loads(spikeformers("eval", fold, "--data-dir", places / "mine", "--json").out)["samples"] == 20
    assert json.loads(spikeformers("eval", fold, "--data-dir", places / "other", "--json").out)["samples"] == 25


def test_training_needs_training_recordings(spikeformers, places, tmp_path):
    answer = spikeformers("train", "nmnist", "--data-dir", places / "other", "--out", tmp_path / "run")
    assert (answer.code, answer.out) == (1, "")
    assert "Train" in answer.err
    assert not (tmp_path / "run").exists()
