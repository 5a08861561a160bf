"""What stays as it is while a run goes on; what changes is the `TrainingState`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch

from spikeformers.data import Batches, Dataset, Source
from spikeformers.train.directory import RunDirectory
from spikeformers.train.goal import Goal
from spikeformers.train.recipe import Recipe
from spikeformers.train.result import EvalPart, Event
from spikeformers.train.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run before it starts.

    Attributes:
        save_every: updates between two saved states within an epoch; 0 saves after each epoch only.
        former: the directory holds another run, whose files go when the first of this one are ready.
    """

    recipe: Recipe
    dataset: Dataset
    batches: Batches
    schedule: Schedule
    goal: Goal
    directory: RunDirectory
    watch: Callable[[Event], None]
    save_every: int = 0
    former: bool = False

    @property
    def steps_per_epoch(self) -> int:
        """Updates of the weights in an epoch."""
        return updates_per_epoch(self.batches, self.recipe)

    @property
    def eval_part(self) -> EvalPart:
        """The part of the data the epochs are judged on."""
        return "test" if self.dataset.validation is None else "validation"

    @property
    def held_out(self) -> Source:
        """The images of that part."""
        return self.dataset.test if self.dataset.validation is None else self.dataset.validation

    @property
    def eval_batch(self) -> int:
        """Images that are evaluated at once."""
        return self.recipe.batch_size // self.recipe.accumulate


def updates_per_epoch(batches: Batches, recipe: Recipe) -> int:
    """Return the updates in an epoch; batches that do not fill an update are left out, except where it is the only."""
    return max(1, len(batches) // recipe.accumulate)


def schedule_of(recipe: Recipe, steps_per_epoch: int) -> Schedule:
    """Return the learning rate of a recipe over its updates."""
    words = recipe.schedule
    return Schedule(
        peak=recipe.peak_lr,
        warmup_lr=words.warmup_lr,
        min_lr=words.min_lr,
        epochs=words.epochs,
        warmup_epochs=words.warmup_epochs,
        cooldown_epochs=words.cooldown_epochs,
        steps_per_epoch=steps_per_epoch,
        per_epoch=words.per_epoch,
        warmup_is_prefix=words.warmup_is_prefix,
    )


def fingerprint(dataset: Dataset) -> str:
    """Return a text that two data sets share only if they have the same parts, labels, classes and normalisation."""
    known = hashlib.sha256(repr((dataset.name, dataset.classes, dataset.mean, dataset.std)).encode())
    for part in (dataset.train, dataset.validation, dataset.test):
        labels = torch.empty(0, dtype=torch.int64) if part is None else part.labels
        known.update(f"{len(labels)} ".encode() + labels.contiguous().numpy().tobytes())
    return known.hexdigest()
