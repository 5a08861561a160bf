"""Training: recipes, the loop, evaluation and the runs they leave behind.

Recipes are read without torch; everything else is imported when a user asks for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikeformers.train.cross_validation import CrossValidation, cross_validate, train_fold
    from spikeformers.train.errors import TrainingError
    from spikeformers.train.evaluation import Evaluation, evaluate, probabilities
    from spikeformers.train.loop import fit
    from spikeformers.train.over_time import OverTime, evaluate_over_time
    from spikeformers.train.overrides import load_changed
    from spikeformers.train.previewing import Preview, preview
    from spikeformers.train.recipe import Recipe, load_recipe, recipe_names
    from spikeformers.train.result import (
        EpochDone,
        EpochLog,
        EpochTime,
        Event,
        Note,
        Reading,
        RunFinished,
        RunResult,
        RunStarted,
        StepDone,
    )
    from spikeformers.train.run import LoadedRun, Provenance, load_run, read_provenance
    from spikeformers.train.runs import Run, find_runs, read_run

__all__ = [
    "CrossValidation",
    "EpochDone",
    "EpochLog",
    "EpochTime",
    "Evaluation",
    "Event",
    "LoadedRun",
    "Note",
    "OverTime",
    "Preview",
    "Provenance",
    "Reading",
    "Recipe",
    "Run",
    "RunFinished",
    "RunResult",
    "RunStarted",
    "StepDone",
    "TrainingError",
    "cross_validate",
    "evaluate",
    "evaluate_over_time",
    "find_runs",
    "fit",
    "load_changed",
    "load_recipe",
    "load_run",
    "preview",
    "probabilities",
    "read_provenance",
    "read_run",
    "recipe_names",
    "train_fold",
]

# No name may be that of a file: importing the file would put the module in its place.
_NAMES_BY_FILE = {
    "errors": ("TrainingError",),
    "evaluation": ("Evaluation", "evaluate", "probabilities"),
    "cross_validation": ("CrossValidation", "cross_validate", "train_fold"),
    "loop": ("fit",),
    "over_time": ("OverTime", "evaluate_over_time"),
    "overrides": ("load_changed",),
    "previewing": ("Preview", "preview"),
    "recipe": ("Recipe", "load_recipe", "recipe_names"),
    "result": (
        "EpochDone",
        "EpochLog",
        "EpochTime",
        "Event",
        "Note",
        "Reading",
        "RunFinished",
        "RunResult",
        "RunStarted",
        "StepDone",
    ),
    "run": ("LoadedRun", "Provenance", "load_run", "read_provenance"),
    "runs": ("Run", "find_runs", "read_run"),
}
_FILE_OF = {name: file for file, names in _NAMES_BY_FILE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _FILE_OF:
        return getattr(importlib.import_module(f"spikeformers.train.{_FILE_OF[name]}"), name)
    raise AttributeError(f"module 'spikeformers.train' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
