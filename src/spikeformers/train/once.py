"""A run that is trained once: read where it is finished, gone on with where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikeformers.train.assembly import with_true_name
from spikeformers.train.directory import RunDirectory
from spikeformers.train.loop import fit
from spikeformers.train.recipe import PROSE, Recipe, differences
from spikeformers.train.result import RunResult
from spikeformers.train.runs import read_run


def fit_once(recipe: Recipe, *, out: Path, overwrite: bool = False, **how: Any) -> RunResult:
    """Train a recipe in the directory `out`, or return the result of the finished run of it there.

    Args:
        overwrite: train it again.
        how: further words of `fit`.

    Raises:
        TrainingError: the directory holds a run of another recipe.
        SpikeformersError: as `fit`.
    """
    found = None if overwrite else _finished(recipe.adjusted(seed=how.get("seed"), epochs=how.get("epochs")), out)
    return found or fit(recipe, out=out, overwrite=overwrite, **how)


def _finished(recipe: Recipe, place: Path) -> RunResult | None:
    """Return the result of a finished run of this recipe; of another one nothing, and `fit` says so."""
    if not RunDirectory(place).result.exists():
        return None
    run = read_run(place)
    differing = differences(run.recipe.to_dict(), with_true_name(recipe).to_dict())
    return None if any(row[0].partition(".")[0] not in PROSE for row in differing) else run.result
