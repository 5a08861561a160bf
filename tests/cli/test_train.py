"""`spikeformers train`: real, short runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import torch

from spikeformers.models import load

pytestmark = pytest.mark.usefixtures("few_digits")


def test_leaves_a_run_and_reports_it(spikeformers, tmp_path):
    words = ("train", "digits_spikingformer", "--epochs", 1, "--seed", 3, "--out", tmp_path / "run")
    answer = spikeformers(*words, "--json")
    assert answer.code == 0
    result = json.loads(answer.out)
    assert (result["seed"], len(result["epochs"]), result["out"]) == (3, 1, str(tmp_path / "run"))
    assert 0 <= result["last_accuracy"] <= 1
    assert "epoch 1" in answer.err  # progress, away from the document
    assert load(tmp_path / "run" / "last.safetensors").name == result["model_name"]

    again = spikeformers(*words)
    assert (again.code, again.out) == (1, "")
    assert "already holds a finished run" in again.err
    assert "--overwrite" in again.err

    third = spikeformers(*words, "--overwrite")
    assert third.code == 0
    assert f"{100 * result['last_accuracy']:.2f} % after the last epoch (1)" in third.out
    assert f"spikeformers eval {tmp_path / 'run'}" in third.out.replace("\n", "")


def test_unknown_recipe_and_missing_data_are_explained(spikeformers, tmp_path):
    answer = spikeformers("train", "digits_spikfomer")
    assert answer.code == 1
    assert "'digits_spikformer'" in answer.err
    answer = spikeformers("train", "fashion_mnist", "--data-dir", tmp_path / "nowhere", "--out", tmp_path / "run")
    assert answer.code == 1
    assert "nowhere" in answer.err
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_there_is_explained(spikeformers, tmp_path):
    words = ["tpu9", "meta", "hpu"] if torch.cuda.is_available() else ["cuda", "tpu9", "meta", "hpu"]
    for word in words:
        answer = spikeformers("train", "digits_spikformer", "--device", word, "--out", tmp_path / "run")
        assert (answer.code, answer.out) == (1, "")
        assert f"'{word}'" in answer.err
        assert "spikeformers doctor" in answer.err
        assert "Traceback" not in answer.err
    assert not (tmp_path / "run").exists()


RECIPE = """
dataset = "digits"
batch_size = 64
model = { name = "spikformer_2_64.digits", config = { dim = 32, depth = 1, heads = 2, time_steps = 1 } }
optimizer = { lr = 1e-3 }
schedule = { epochs = 1000 }
"""


def test_a_recipe_of_ones_own_can_be_stopped_with_ctrl_c(tmp_path):
    (tmp_path / "mine.toml").write_text(RECIPE)
    words = [sys.executable, "-m", "spikeformers", "train", "mine.toml", "--json"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as training:
        assert training.stderr is not None
        assert "epoch 1 " in training.stderr.readline()
        training.send_signal(signal.SIGINT)
        out, err = training.communicate()
    assert (training.returncode, out) == (130, "")
    assert err.splitlines()[-1].startswith("Stopped.")
    assert "Traceback" not in err
    assert load(tmp_path / "runs" / "mine" / "last.safetensors").config.dim == 32


def test_a_dry_run_prints_a_plan_and_leaves_nothing_behind(spikeformers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = spikeformers("train", "digits_spikformer", "--dry-run")
    assert answer.code == 0
    assert "130,370" in answer.out
    assert "44 per epoch, 352 in 8 epochs" in answer.out
    assert "on this machine" in answer.out
    assert not list(tmp_path.iterdir())


def test_a_dry_run_follows_seed_epochs_device_and_changed_words(spikeformers):
    words = ("--seed", 5, "--epochs", 2, "--set", "batch_size=100", "--set", "model.config.depth=1")
    plan = json.loads(spikeformers("train", "digits_spikformer", "--dry-run", "--json", *words).out)
    assert (plan["recipe"]["seed"], plan["recipe"]["schedule"]["epochs"]) == (5, 2)
    assert (plan["steps_per_epoch"], plan["total_steps"], plan["device"]) == (14, 28, "cpu")
    assert plan["cost"]["parameters"] < 130_370
    assert plan["seconds"] == pytest.approx(28 * plan["cost"]["speed"]["seconds"])
    assert plan["cost"]["speed"]["dtype"] == "float32"


def test_a_dry_run_counts_the_files_of_a_directory(spikeformers, tmp_path):
    plan = json.loads(spikeformers("train", "digits_spikformer", "--dry-run", "--json").out)
    assert not plan["samples"]["counted"]
    answer = spikeformers("train", "fashion_mnist", "--dry-run", "--data-dir", tmp_path)
    assert (answer.code, answer.out) == (1, "")
    assert str(tmp_path) in answer.err


def test_changed_words_train(spikeformers, tmp_path):
    words = ("--set", "schedule.epochs=1", "--set", "model.config.dim=32", "--set", "schedule.warmup_epochs=0.5")
    answer = spikeformers("train", "digits_spikformer", *words, "--out", tmp_path / "run", "--json")
    assert answer.code == 0, answer.err
    assert load(tmp_path / "run" / "last.safetensors").config.dim == 32


def test_a_word_that_does_not_exist_is_explained(spikeformers):
    answer = spikeformers("train", "digits_spikformer", "--dry-run", "--set", "schedule.epoch=3")
    assert (answer.code, answer.out) == (1, "")
    assert "'epochs'" in answer.err
