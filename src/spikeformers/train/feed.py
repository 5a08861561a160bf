"""The images of a recipe as batches: framed, augmented, mixed and normalised as it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from spikeformers.data import (
    Batches,
    Dataset,
    EventFraming,
    Framing,
    Missing,
    Pictures,
    Source,
    Watch,
    holds_events,
    in_memory,
    load_dataset,
    normalise,
)
from spikeformers.data.augment import Augment, EventMix, Mixing, RandomErasing
from spikeformers.data.cores import usable_cores
from spikeformers.models import ModelConfig
from spikeformers.train.augmenting import augmentation, event_augmentation, frame_augmentation, mixing
from spikeformers.train.recipe import Recipe
from spikeformers.train.result import Event, Note, Reading
from spikeformers.train.words import AugmentWords, EventWords, ImageWords

MOST_WORKERS = 8
STAND_IN_FOLDS = 10  # where a data set has no test part


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """From the pictures of a training batch to inputs and targets, in the order of timm's loaders.

    Attributes:
        augment: works on uint8 pixels, or float frames of events; None leaves them as they are.
        mixing: blends samples and their labels until epoch `mixing_off_epoch` (0: always); None never does.
        erasing: works on normalised pixels; None leaves them as they are.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: Augment | None = None
    mixing: Mixing | EventMix | None = None
    mixing_off_epoch: int = 0
    erasing: RandomErasing | None = None

    def __call__(self, pictures: Pictures, generator: torch.Generator, epoch: int) -> tuple[Tensor, Tensor]:
        """Return inputs and targets.

        Inputs are float32 `[B, C, H, W]` or `[B, T, C, H, W]`, targets labels `[B]`, or shares `[B, K]` where mixed.
        """
        images, targets = pictures.images, pictures.labels
        if self.augment is not None:
            images = self.augment(images, generator)
        if self.mixing is not None and (not self.mixing_off_epoch or epoch < self.mixing_off_epoch):
            images, targets = self.mixing(images, targets, generator)
        x = normalise(images, self.mean, self.std)
        return (x if self.erasing is None else self.erasing(x, generator)), targets


def open_dataset(
    recipe: Recipe, config: ModelConfig, data_dir: Path | None, watch: Callable[[Event], None] | None = None
) -> Dataset:
    """Load the recipe's data set as images of the model's size and channels, its validation part held out.

    Where the recipe does not normalise, mean and std are those that change nothing.

    Args:
        watch: called while pictures are decoded.

    Raises:
        UnknownNameError, DataError: the data set does not exist, or cannot be read.
    """
    told = Watch() if watch is None else _told(watch)
    framing: Framing | EventFraming
    if holds_events(recipe.dataset):
        framing = event_framing_of(recipe.events, config)
        framing = replace(framing, augment=event_augmentation(recipe.augment))
    else:
        framing = framing_of(recipe.images, config)
        framing = replace(framing, scale=recipe.augment.resized_crop, ratio=recipe.augment.resized_ratio)
    dataset = load_dataset(recipe.dataset, data_dir, framing=framing, watch=told)
    dataset = tested_on_fold(dataset, recipe.fold, recipe.folds, told).need("train", "test")
    dataset = dataset.with_validation(recipe.validation)
    if recipe.images.normalise or holds_events(recipe.dataset):
        return dataset
    channels = config.in_channels
    return replace(dataset, mean=(0.0,) * channels, std=(1.0,) * channels)


def tested_on_fold(dataset: Dataset, fold: int, folds: int, watch: Watch) -> Dataset:
    """Return the data set with the fold as test part that a recipe names.

    Where it names none and there is no test part, that is the first of ten; a note says so.
    """
    if folds and not isinstance(dataset.train, Missing):
        return dataset.with_fold(fold, folds)
    if not isinstance(dataset.test, Missing) or isinstance(dataset.train, Missing):
        return dataset
    chosen = dataset.with_fold(0, STAND_IN_FOLDS)
    watch.note(
        f"{dataset.title} has no test part here: {len(chosen.test)} of its {len(dataset.train)} training samples, "
        f"every {STAND_IN_FOLDS}th by number, are kept apart and tested on instead."
    )
    return chosen


def _told(watch: Callable[[Event], None]) -> Watch:
    """Whoever watches the run hears of the data set, too."""
    return Watch(
        progress=lambda what, done, total: watch(Reading(what=what, done=done, total=total)),
        note=lambda text: watch(Note(text=text)),
    )


def framing_of(words: ImageWords, config: ModelConfig) -> Framing:
    """Return how pictures become inputs of the model at evaluation."""
    return Framing(
        image_size=config.image_size,
        channels=config.in_channels,
        crop_pct=words.crop_pct,
        interpolation=words.interpolation,
    )


def event_framing_of(words: EventWords, config: ModelConfig, time_steps: int | None = None) -> EventFraming:
    """Return how recordings become inputs of the model at evaluation, with its number of time steps or another one."""
    return EventFraming(
        time_steps=time_steps or config.time_steps,
        image_size=config.image_size,
        representation=words.representation,
        split_by=words.split_by,
        window=words.window,
        surface_tau=words.surface_tau,
        merge_polarities=words.merge_polarities,
        resize=words.resize,
    )


def training_batches(dataset: Dataset, recipe: Recipe, *, workers: int | None = None) -> Batches:
    """Return the shuffled, augmented batches of the recipe, `accumulate` of them for one update.

    A last batch that is not full is left out (its noisier normalisation statistics would count as much as a full
    one's), except where it is the only one.

    Args:
        workers: processes that prepare batches; None chooses by what there is to do.
    """
    return Batches(
        source=dataset.train,
        batch_size=recipe.batch_size // recipe.accumulate,
        prepare=preparation(recipe.augment, dataset, events=holds_events(recipe.dataset)),
        seed=recipe.seed,
        keep_last=False,
        workers=enough_workers(dataset.train) if workers is None else workers,
    )


def enough_workers(source: Source) -> int:
    """Return how many processes should decode: none for pictures in memory, else most cores but one."""
    return 0 if in_memory(source) else min(MOST_WORKERS, max(1, usable_cores() - 1))


def preparation(words: AugmentWords, dataset: Dataset, *, events: bool = False) -> Preparation:
    """Return what the words ask for, on images, or frames of events, of this data set."""
    return Preparation(
        mean=dataset.mean,
        std=dataset.std,
        augment=frame_augmentation(words) if events else augmentation(words, dataset.mean),
        mixing=mixing(words, len(dataset.classes)),
        mixing_off_epoch=words.mixing_off_epoch,
        erasing=RandomErasing(words.erasing, mode=words.erasing_mode) if words.erasing else None,
    )
