"""Cross-validation: one run of a recipe for each fold of the training data, tested on that fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from spikeformers.errors import ConfigError
from spikeformers.train.once import fit_once
from spikeformers.train.recipe import Recipe
from spikeformers.train.result import RunResult


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """The runs of a recipe, one for each fold, in their order.

    Every sample of the training data was tested once, by a model that had not seen it: the one after its last epoch,
    so that no epoch was chosen.
    """

    runs: Sequence[RunResult]

    @property
    def accuracies(self) -> list[float]:
        """Accuracy on each fold, 0 to 1."""
        return [run.test_accuracy for run in self.runs]

    @property
    def mean(self) -> float:
        """Mean accuracy of the folds."""
        return mean(self.accuracies)

    @property
    def spread(self) -> float:
        """Standard deviation of the accuracy between folds, as of a sample (the sum of squares over folds - 1)."""
        return stdev(self.accuracies)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON."""
        first = self.runs[0]
        return {
            "accuracy": self.mean,
            "spread": self.spread,
            "lowest": min(self.accuracies),
            "highest": max(self.accuracies),
            "recipe": first.recipe_name,
            "dataset": first.dataset,
            "model": first.model_name,
            "parameters": first.parameters,
            "seed": first.seed,
            "folds": [
                {"fold": fold, "accuracy": run.test_accuracy, "seconds": run.seconds, "out": str(run.out)}
                for fold, run in enumerate(self.runs)
            ],
        }


def cross_validate(recipe: Recipe, *, folds: int, out: Path, **how: Any) -> CrossValidation:
    """Train the recipe once for each fold, each in a directory of its own below `out`; see `train_fold`.

    Args:
        folds: their number, 2 or more.
        how: further words of `fit`.

    Raises:
        SpikeformersError: as `train_fold`.
    """
    return CrossValidation(runs=[train_fold(recipe, fold, folds=folds, out=out, **how) for fold in range(folds)])


def train_fold(recipe: Recipe, fold: int, *, folds: int, out: Path, **how: Any) -> RunResult:
    """Train on all folds but one, and test on that one, in the directory `out`/fold-N.

    Which samples form a fold is decided by their names, see `data.splits.fold_of`. A finished run is read and an
    unfinished one goes on, so the same call goes on after an interruption.

    Args:
        fold, folds: which one, counted from 0, of how many.
        how: further words of `fit`.

    Raises:
        ConfigError: fewer than 2 folds, or no such fold.
        TrainingError: the directory holds a run of another recipe.
        SpikeformersError: as `fit`.
    """
    if folds < 2:
        raise ConfigError(f"Cross-validation needs 2 folds or more, got {folds}.")
    words, place = replace(recipe, folds=folds, fold=fold), Path(out) / f"fold-{fold}"
    return fit_once(words, out=place, **how)
