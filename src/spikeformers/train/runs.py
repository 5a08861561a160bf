"""Run directories read back: what was trained, how far it came, and how well. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from spikeformers.errors import ConfigError, DataError, suggest
from spikeformers.train.directory import RunDirectory
from spikeformers.train.reading import foreign, read_lines, read_object, read_text, typed
from spikeformers.train.recipe import PROSE, Recipe, differences, load_recipe
from spikeformers.train.result import EpochLog, EpochTime, EvalPart, RunResult


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as its directory tells it; `result` is None until the run is finished."""

    path: Path
    recipe: Recipe
    epochs: list[EpochLog]
    times: list[EpochTime]
    result: RunResult | None = None

    @property
    def eval_part(self) -> EvalPart | None:
        """Where the epochs are judged; None before the first is completed."""
        return self.epochs[-1].eval_part if self.epochs else None

    @property
    def best(self) -> EpochLog | None:
        """The first epoch with the highest accuracy; None before the first is completed."""
        return max(self.epochs, key=lambda log: log.eval_accuracy, default=None)

    @property
    def seconds(self) -> float:
        """How long its epochs took, the one that is going on included."""
        return sum(time.seconds for time in self.times) if self.result is None else self.result.seconds

    def to_dict(self) -> dict[str, Any]:
        """Return the figures of the run, ready for JSON; null where they are not known yet."""
        last, best, result = self.epochs[-1] if self.epochs else None, self.best, self.result
        return {
            "run": str(self.path),
            "recipe": self.recipe.name,
            "dataset": self.recipe.dataset,
            "model": result.model_name if result else self.recipe.model.name or None,
            "seed": self.recipe.seed,
            "finished": result is not None,
            "epochs_done": len(self.epochs),
            "epochs_total": self.recipe.schedule.total_epochs,
            "eval_part": self.eval_part,
            "best_accuracy": best.eval_accuracy if best else None,
            "best_epoch": best.epoch if best else None,
            "last_accuracy": last.eval_accuracy if last else None,
            "test_accuracy": result.test_accuracy if result else None,
            "best_test_accuracy": result.best_test_accuracy if result else None,
            "train_loss": last.train_loss if last else None,
            "firing_rate": last.firing_rate if last else None,
            "dead": last.dead if last else None,
            "saturated": last.saturated if last else None,
            "parameters": result.parameters if result else None,
            "seconds": self.seconds,
        }


def find_runs(directory: Path) -> list[Path]:
    """Return the run directories in `directory`, itself included, sorted; hidden ones are left out.

    Raises:
        DataError: there is no such directory.
    """
    if not directory.is_dir():
        raise DataError(
            f"There is no directory {directory}. `spikeformers train RECIPE` writes its runs into runs/; name another "
            f"directory where yours lie elsewhere."
        )
    found = []
    for folder, below, files in os.walk(directory):
        below[:] = [name for name in below if not name.startswith(".")]
        if _RECIPE in files:
            found.append(Path(folder))
    return sorted(found)


def read_runs(paths: Sequence[Path]) -> tuple[list[Run], list[DataError]]:
    """Read runs; one that cannot be read is an error among the others and hides none of them."""
    runs: list[Run] = []
    errors: list[DataError] = []
    for path in paths:
        try:
            runs.append(read_run(path))
        except DataError as error:
            errors.append(error)
    return runs, errors


def read_run(path: Path) -> Run:
    """Read the run in the directory `path`.

    Raises:
        DataError: there is no run, or a file of it is damaged or of another version; it is named.
    """
    directory = RunDirectory(path)
    if not directory.recipe.is_file():
        near = suggest(path.name, [other.parent.name for other in path.parent.glob(f"*/{_RECIPE}")])
        raise DataError(f"There is no run in {path}: expected {_RECIPE} in it, as training writes.{near}")
    try:
        recipe = load_recipe(directory.recipe)
    except ConfigError as error:
        raise foreign(str(error)) from error
    epochs = read_lines(directory.log, EpochLog)
    return Run(
        path=path,
        recipe=recipe,
        epochs=epochs,
        times=read_lines(directory.times, EpochTime),
        result=_result(directory.result, path, epochs) if directory.result.exists() else None,
    )


def differing_words(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """The words of their recipes in which runs differ, by dotted key: the value of every run, None where it has none.

    What a recipe is called and what a paper reports for it decides nothing, and is left out.
    """
    first = runs[0].recipe.to_dict()
    columns = [{key: (one, other) for key, one, other in differences(first, run.recipe.to_dict())} for run in runs]
    pairs = {key: pair for column in columns for key, pair in column.items()}
    return {
        key: [column.get(key, (one, one))[1] for column in columns]
        for key, (one, _) in sorted(pairs.items())
        if key.partition(".")[0] not in PROSE
    }


_RECIPE = "recipe.json"

# What `result.json` holds beside its path and its epochs, which the directory and its log tell.
_Figures = make_dataclass(
    "_Figures",
    [
        (name, kind, field(default=RunResult.__dataclass_fields__[name].default))
        for name, kind in get_type_hints(RunResult).items()
        if name not in ("out", "epochs")
    ],
    frozen=True,
    kw_only=True,
)


def _result(file: Path, path: Path, epochs: list[EpochLog]) -> RunResult:
    table = read_object(read_text(file), str(file))
    figures = {key: value for key, value in table.items() if key not in ("out", "epochs")}
    return RunResult(out=path, epochs=epochs, **vars(typed(_Figures, figures, str(file))))
