"""Opening a run: its best or last model, or an error that says what lies there instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from spikeformers import __version__
from spikeformers.data import Dataset
from spikeformers.errors import CheckpointError
from spikeformers.models import create_model, save
from spikeformers.train.evaluation import evaluate
from spikeformers.train.loop import fit
from spikeformers.train.recipe import Recipe
from spikeformers.train.run import load_run
from spikeformers.train.tables import read_table


def test_best_and_last_carry_their_own_epoch_and_everything_needed_to_use_them(
    tmp_path: Path, recipe: Recipe, digits: Dataset
) -> None:
    result = fit(recipe, out=tmp_path)
    best, last = load_run(tmp_path, which="best"), load_run(tmp_path)
    assert (best.provenance.epoch, best.provenance.accuracy) == (result.best_epoch, result.best_accuracy)
    assert (last.provenance.epoch, last.provenance.accuracy) == (2, result.last_accuracy)
    assert not best.model.training
    told = best.provenance
    assert (told.dataset, told.classes, told.mean, told.std) == ("digits", digits.classes, digits.mean, digits.std)
    assert told.seed == recipe.seed
    assert read_table(Recipe, told.recipe, source="checkpoint") == recipe
    assert told.versions == {"spikeformers": __version__, "torch": str(torch.__version__)}
    measured = evaluate(best.model, digits.test, batch_size=32, mean=told.mean, std=told.std)
    assert measured.accuracy == result.best_accuracy


def test_a_checkpoint_file_opens_alone(tmp_path: Path, recipe: Recipe, digits: Dataset) -> None:
    fit(recipe, out=tmp_path / "run", epochs=1)
    alone = (tmp_path / "run" / "last.safetensors").rename(tmp_path / "moved.safetensors")
    run = load_run(alone)
    assert (run.checkpoint, run.provenance.epoch) == (alone, 1)


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"There is no run directory or checkpoint at .*absent"):
        load_run(tmp_path / "absent")
    with pytest.raises(CheckpointError, match=r"is not a run directory: expected last\.safetensors"):
        load_run(tmp_path)


def test_foreign_and_truncated_checkpoints_are_errors(tmp_path: Path) -> None:
    bare = tmp_path / "bare.safetensors"
    save(create_model("spikformer_2_64.digits", dim=32, depth=1, heads=2), bare)
    with pytest.raises(CheckpointError, match=r"(?s)not how it was trained \(recipe, dataset.*models\.load"):
        load_run(bare)
    half = tmp_path / "half.safetensors"
    half.write_bytes(bare.read_bytes()[:1000])
    with pytest.raises(CheckpointError):
        load_run(half)
