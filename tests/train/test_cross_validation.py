"""Cross-validation: which samples each run saw, that it goes on, and what it sums up."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from spikeformers.data import Dataset
from spikeformers.errors import ConfigError
from spikeformers.train import TrainingError, cross_validate, load_run, train_fold
from spikeformers.train.assembly import intended_config
from spikeformers.train.feed import open_dataset
from spikeformers.train.recipe import Recipe
from spikeformers.train.result import Event


@pytest.fixture
def short(recipe: Recipe) -> Recipe:
    return recipe.adjusted(epochs=1)


def test_every_training_sample_is_tested_once_by_a_model_that_had_not_seen_it(short: Recipe, digits: Dataset) -> None:
    whole = set(range(len(digits.train)))
    tested: list[int] = []
    for fold in range(3):
        data = open_dataset(replace(short, folds=3, fold=fold), intended_config(short), None)
        mine, rest = data.test.indices.tolist(), data.train.indices.tolist()
        assert set(mine) == {index for index in whole if index % 3 == fold}
        assert set(rest) == whole - set(mine)
        tested += mine
    assert sorted(tested) == sorted(whole)


def test_it_sums_up_its_runs(short: Recipe, digits: Dataset, tmp_path: Path) -> None:
    result = cross_validate(short, folds=3, out=tmp_path)
    assert [run.out for run in result.runs] == [tmp_path / f"fold-{fold}" for fold in range(3)]
    accuracies = [load_run(run.out).provenance.accuracy for run in result.runs]
    assert result.accuracies == accuracies
    told = result.to_dict()
    assert told["accuracy"] == pytest.approx(sum(accuracies) / 3)
    assert told["spread"] == pytest.approx(statistics.stdev(accuracies))
    assert (told["lowest"], told["highest"]) == (min(accuracies), max(accuracies))
    assert [row["fold"] for row in told["folds"]] == [0, 1, 2]


def test_what_is_finished_is_read_and_what_is_not_goes_on(short: Recipe, digits: Dataset, tmp_path: Path) -> None:
    first = train_fold(short, 0, folds=2, out=tmp_path)
    longer = short.adjusted(epochs=2)

    started: list[Event] = []
    assert train_fold(short, 0, folds=2, out=tmp_path, watch=started.append) == first
    assert not started
    with pytest.raises(TrainingError, match="already holds a finished run"):
        train_fold(longer, 0, folds=2, out=tmp_path)
    again = train_fold(longer, 0, folds=2, out=tmp_path, overwrite=True)
    assert len(again.epochs) == 2


@pytest.mark.parametrize(("folds", "fold", "message"), [(1, 0, "2 folds or more"), (3, 3, "fold must be")])
def test_folds_that_cannot_be_are_refused(
    folds: int, fold: int, message: str, short: Recipe, digits: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        train_fold(short, fold, folds=folds, out=tmp_path)
