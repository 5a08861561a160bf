"""The training images of a recipe, augmented as it says."""

from __future__ import annotations

import torch

from spikeformers.data import Augment, Batches, Compose, Dataset, RandomCrop, RandomHorizontalFlip, batches
from spikeformers.train.recipe import AugmentWords, Recipe


def training_batches(dataset: Dataset, recipe: Recipe, generator: torch.Generator) -> Batches:
    """Return the shuffled, augmented batches of one epoch after another, drawn from `generator` alone.

    A last batch that is not full is left out (its noisier normalisation statistics would count as much as a full
    one's), except where it is the only one.
    """
    return batches(
        dataset.train,
        batch_size=recipe.batch_size,
        mean=dataset.mean,
        std=dataset.std,
        shuffle=True,
        generator=generator,
        augment=augmentation(recipe.augment),
        drop_last=len(dataset.train) >= recipe.batch_size,
    )


def augmentation(words: AugmentWords) -> Augment | None:
    """Return the augmentation that the words ask for, or None where they ask for nothing."""
    steps: list[Augment] = []
    if words.crop_padding:
        steps.append(RandomCrop(words.crop_padding))
    if words.hflip:
        steps.append(RandomHorizontalFlip(words.hflip))
    return Compose(tuple(steps)) if steps else None
