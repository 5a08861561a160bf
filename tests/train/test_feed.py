"""The training batches that a recipe asks for."""

from __future__ import annotations

import torch

from spikeformers.data import Compose, Dataset, RandomCrop, RandomHorizontalFlip
from spikeformers.train.feed import augmentation, training_batches
from spikeformers.train.recipe import AugmentWords, Recipe, load_recipe
from spikeformers.train.seeding import stream


def test_augment_words_become_augmentations() -> None:
    assert augmentation(AugmentWords()) is None
    assert augmentation(AugmentWords(crop_padding=2)) == Compose((RandomCrop(2),))
    both = augmentation(AugmentWords(crop_padding=1, hflip=0.25))
    assert both == Compose((RandomCrop(1), RandomHorizontalFlip(0.25)))


def test_each_epoch_has_full_batches_in_an_order_of_its_own(digits: Dataset, recipe: Recipe) -> None:
    batches = training_batches(digits, load_recipe("digits_spikformer", batch_size=100), stream(0, "data"))
    epochs = [[y for _, y in batches] for _ in range(2)]
    assert [len(y) for y in epochs[0]] == [100, 100, 100]
    assert not torch.equal(epochs[0][0], epochs[1][0])


def test_a_set_smaller_than_a_batch_is_one_batch(digits: Dataset) -> None:
    batches = training_batches(digits, load_recipe("digits_spikformer", batch_size=500), stream(0, "data"))
    assert [len(y) for _, y in batches] == [320]
