"""Training: recipes, the loop, evaluation and the runs they leave behind."""

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
