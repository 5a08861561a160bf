"""What stays as it is while a run goes on; what changes is the `TrainingState`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from spikeformers.data import Batches, Dataset, Source
from spikeformers.errors import ConfigError
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
        fingerprint: what the run learns from; see the function.
        replaces: whatever run the directory holds goes when the first files of this one are ready.
    """

    recipe: Recipe
    dataset: Dataset
    batches: Batches
    schedule: Schedule
    goal: Goal
    directory: RunDirectory
    watch: Callable[[Event], None]
    fingerprint: str
    save_every: int = 0
    replaces: bool = False

    def __post_init__(self) -> None:
        if self.save_every < 0:
            raise ConfigError(f"save_every is {self.save_every}; it must be 0 (never within an epoch) or more.")

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
        cosine_epochs=words.cosine_epochs,
        rates=words.rates,
    )


def fingerprint(dataset: Dataset, teacher: nn.Module | None) -> str:
    """Return a text that two runs share only if they learn from the same.

    That is a data set with the same parts, labels, classes and normalisation, and a teacher with the same weights.
    """
    known = hashlib.sha256(repr((dataset.name, dataset.classes, dataset.mean, dataset.std)).encode())
    for name, tensor in ({} if teacher is None else teacher.state_dict()).items():
        known.update(name.encode() + tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    for part in (dataset.train, dataset.validation, dataset.test):
        labels = torch.empty(0, dtype=torch.int64) if part is None else part.labels
        known.update(f"{len(labels)} ".encode() + labels.contiguous().numpy().tobytes())
    return known.hexdigest()
