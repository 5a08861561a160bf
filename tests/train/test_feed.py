"""The training batches that a recipe asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spikeformers.data import Dataset, Pictures, normalise
from spikeformers.data.augment import (
    AutoAugment,
    ColorJitter,
    Compose,
    Mixing,
    RandAugment,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
)
from spikeformers.errors import ConfigError, DataError
from spikeformers.models import ModelConfig
from spikeformers.train.assembly import intended_config
from spikeformers.train.augmenting import augmentation
from spikeformers.train.feed import (
    Preparation,
    framing_of,
    open_dataset,
    preparation,
    training_batches,
)
from spikeformers.train.recipe import Recipe, load_recipe
from spikeformers.train.words import AugmentWords, ImageWords

MEAN = (0.5, 0.25, 0.0)


def pictures(count: int = 8) -> Pictures:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (count, 3, 16, 16), dtype=torch.uint8, generator=generator)
    return Pictures(images, torch.arange(count) % 4)


def test_augment_words_become_augmentations_in_order() -> None:
    assert augmentation(AugmentWords(), MEAN) is None
    assert augmentation(AugmentWords(crop_padding=2), MEAN) == Compose((RandomCrop(2),))
    words = AugmentWords(crop_padding=1, hflip=0.25, policy="rand-m9-n1-mstd0.4-inc1", color_jitter=0.4)
    steps = (
        RandomCrop(1),
        RandomHorizontalFlip(0.25),
        RandAugment.parse("rand-m9-n1-mstd0.4-inc1", operations="full", fill=(128, 64, 0)),
        ColorJitter(0.4, 0.4, 0.4),
    )
    assert augmentation(words, MEAN) == Compose(steps)
    named = augmentation(AugmentWords(policy="autoaugment-imagenet"), MEAN)
    assert named == Compose((AutoAugment("imagenet", fill=(128, 64, 0)),))
    reduced = AugmentWords(policy="rand-m9-n1", policy_operations="reduced")
    assert augmentation(reduced, MEAN) == Compose(
        (RandAugment.parse("rand-m9-n1", operations="reduced", fill=(128, 64, 0)),)
    )
    with pytest.raises(ConfigError, match="moves event frames"):
        augmentation(AugmentWords(policy="dvs"), MEAN)
    with pytest.raises(ConfigError, match="rond"):
        augmentation(AugmentWords(policy="rond-m9"), MEAN)


def test_preparation_applies_pixels_mixing_normalisation_and_erasing_in_turn() -> None:
    given, generator = pictures(), torch.Generator().manual_seed(7)
    mixing = Mixing(mixup=0.5, cutmix=0.0, classes=4)
    whole = Preparation(
        mean=MEAN, std=(0.5,) * 3, augment=RandomCrop(2), mixing=mixing, erasing=RandomErasing(1.0), mixing_off_epoch=2
    )
    x, targets = whole(given, torch.Generator().manual_seed(7), 1)
    images, mixed = mixing(RandomCrop(2)(given.images, generator), given.labels, generator)
    expected = RandomErasing(1.0)(normalise(images, MEAN, (0.5,) * 3), generator)
    assert torch.equal(x, expected)
    assert torch.equal(targets, mixed)
    assert targets.shape == (8, 4)


@pytest.mark.parametrize(("off", "epoch", "mixes"), [(0, 500, True), (3, 2, True), (3, 3, False)])
def test_mixing_ends_with_its_epoch(off: int, epoch: int, mixes: bool, digits: Dataset) -> None:
    words = AugmentWords(mixup=0.5, mixing_off_epoch=off)
    prepare = preparation(words, replace(digits, mean=MEAN[:1], std=(0.5,)))
    images = Pictures(digits.train.read(torch.arange(4)).images, torch.arange(4))
    _, targets = prepare(images, torch.Generator(), epoch)
    assert (targets.dim() == 2) == mixes


def test_each_epoch_has_full_batches_in_an_order_of_its_own(digits: Dataset, recipe: Recipe) -> None:
    batches = training_batches(digits, replace(recipe, batch_size=100))
    epochs = [[batch.targets for batch in batches.epoch(number)] for number in range(2)]
    assert [len(targets) for targets in epochs[0]] == [100, 100, 100]
    assert not torch.equal(epochs[0][0], epochs[1][0])


def test_a_set_smaller_than_a_batch_is_one_batch(digits: Dataset, recipe: Recipe) -> None:
    batches = training_batches(digits, replace(recipe, batch_size=500))
    assert [len(batch) for batch in batches.epoch()] == [320]


def test_a_batch_computed_in_parts_is_the_same_samples(digits: Dataset, recipe: Recipe) -> None:
    whole = torch.cat([batch.targets for batch in training_batches(digits, recipe).epoch()])
    parts = list(training_batches(digits, replace(recipe, accumulate=4)).epoch())
    assert {len(batch) for batch in parts} == {8}
    assert torch.equal(torch.cat([batch.targets for batch in parts]), whole)


def test_words_of_the_images_reach_the_data(digits: Dataset) -> None:
    recipe = load_recipe("digits_spikformer", validation=0.1, images={"normalise": False})
    data = open_dataset(recipe, ModelConfig(in_channels=1, image_size=(8, 8)), None)
    assert (data.mean, data.std) == ((0.0,), (1.0,))
    assert data.validation is not None
    assert len(data.train) + len(data.validation) == len(digits.train)
    framing = framing_of(ImageWords(crop_pct=0.9, interpolation="bilinear"), ModelConfig(image_size=(9, 8)))
    assert (framing.image_size, framing.channels, framing.crop_pct, framing.interpolation) == (
        (9, 8),
        3,
        0.9,
        "bilinear",
    )


@pytest.mark.parametrize("name", ["spikformer_cifar10dvs", "spikingformer_dvs128_gesture"])
def test_event_data_sets_that_are_not_there_say_how_to_get_them(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    for data_dir in (None, tmp_path):
        with pytest.raises(DataError, match=r"(No directory was given|holds no recordings) .*Expected .*To be had"):
            open_dataset(recipe, intended_config(recipe), data_dir)
