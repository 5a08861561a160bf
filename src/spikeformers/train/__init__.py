"""Training: recipes, the loop, evaluation and the runs they leave behind.

Recipes are read without torch; everything else is imported when a user asks for it.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikeformers.train.errors import TrainingError
    from spikeformers.train.evaluate import Evaluation, evaluate
    from spikeformers.train.loop import fit
    from spikeformers.train.recipe import Recipe, load_recipe, recipe_names
    from spikeformers.train.result import EpochDone, EpochLog, Event, RunFinished, RunResult, RunStarted, StepDone
    from spikeformers.train.run import LoadedRun, Provenance, load_run, read_provenance

__all__ = [
    "EpochDone",
    "EpochLog",
    "Evaluation",
    "Event",
    "LoadedRun",
    "Provenance",
    "Recipe",
    "RunFinished",
    "RunResult",
    "RunStarted",
    "StepDone",
    "TrainingError",
    "evaluate",
    "fit",
    "load_recipe",
    "load_run",
    "read_provenance",
    "recipe_names",
]

_NAMES_BY_FILE = {
    "errors": ("TrainingError",),
    "evaluate": ("Evaluation", "evaluate"),
    "loop": ("fit",),
    "recipe": ("Recipe", "load_recipe", "recipe_names"),
    "result": ("EpochDone", "EpochLog", "Event", "RunFinished", "RunResult", "RunStarted", "StepDone"),
    "run": ("LoadedRun", "Provenance", "load_run", "read_provenance"),
}
_FILE_OF = {name: file for file, names in _NAMES_BY_FILE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _FILE_OF:
        return getattr(importlib.import_module(f"spikeformers.train.{_FILE_OF[name]}"), name)
    raise AttributeError(f"module 'spikeformers.train' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class _Package(ModuleType):
    """A package whose `evaluate` stays the function when the file of the same name is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _FILE_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
