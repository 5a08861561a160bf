"""The training batches that a recipe asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from spikeformers.data import Dataset, EventFraming, Pictures, normalise
from spikeformers.data.augment import (
    AutoAugment,
    ColorJitter,
    Compose,
    CutOut,
    EventMix,
    FramePolicy,
    Mixing,
    RandAugment,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    Roll,
)
from spikeformers.data.augment.events import ComposeEvents, EventDrop, PolarityFlip, SpatialJitter, TimeJitter
from spikeformers.data.events.array import Sensor
from spikeformers.errors import ConfigError, DataError
from spikeformers.models import ModelConfig
from spikeformers.train.assembly import intended_config
from spikeformers.train.augmenting import augmentation, event_augmentation, frame_augmentation, mixing
from spikeformers.train.feed import (
    Preparation,
    event_framing_of,
    framing_of,
    open_dataset,
    preparation,
    training_batches,
)
from spikeformers.train.recipe import Recipe, load_recipe
from spikeformers.train.words import AugmentWords, EventWords, ImageWords
from tests.data.frames.recordings import random_events
from tests.data.recordings.writers.forty_bit import write_forty_bit

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
    for word in ("event_drop", "time_jitter", "spatial_jitter", "polarity_flip", "event_mix"):
        with pytest.raises(ConfigError, match=f"{word} changes recordings of events"):
            augmentation(AugmentWords(**{word: 0.5}), MEAN)


def test_words_of_frames_become_augmentations_in_order() -> None:
    assert frame_augmentation(AugmentWords()) is None
    words = AugmentWords(crop_padding=1, hflip=0.5, roll=5, policy="dvs", cutout=16)
    steps = (RandomCrop(1), RandomHorizontalFlip(0.5), Roll(5), FramePolicy("dvs"), CutOut(16))
    assert frame_augmentation(words) == Compose(steps)
    with pytest.raises(ConfigError, match=r"no policy 'rand-m9-n1' for event frames.*dvs-trivial"):
        frame_augmentation(AugmentWords(policy="rand-m9-n1"))
    for images_only in ({"color_jitter": 0.4}, {"resized_crop": (0.5, 1.0)}):
        with pytest.raises(ConfigError, match="changes images, which frames of events are not"):
            frame_augmentation(AugmentWords(**images_only))


def test_words_of_events_become_augmentations_in_order() -> None:
    assert event_augmentation(AugmentWords(hflip=0.5)) is None
    words = AugmentWords(event_drop=0.75, time_jitter=300.0, spatial_jitter=0.5, polarity_flip=0.25)
    steps = (EventDrop(0.75), TimeJitter(300.0), SpatialJitter(0.5), PolarityFlip(0.25))
    assert event_augmentation(words) == ComposeEvents(steps)


def test_words_of_mixing_become_one_way_to_mix() -> None:
    assert mixing(AugmentWords(), 4) is None
    words = AugmentWords(event_mix=0.5, event_mix_labels="events", mixing_probability=0.25)
    assert mixing(words, 4) == EventMix(alpha=0.5, classes=4, probability=0.25, labels="events")
    with pytest.raises(ConfigError, match="event_mix must be 0 beside mixup or cutmix"):
        AugmentWords(event_mix=0.5, mixup=0.5)


def test_words_of_events_reach_the_framing() -> None:
    config = ModelConfig(time_steps=7, image_size=(12, 10))
    words = EventWords(
        representation="time_surface", surface_tau=9.0, split_by="duration", window=40, merge_polarities=True,
        resize="centre",
    )  # fmt: skip
    assert event_framing_of(words, config) == EventFraming(
        time_steps=7, image_size=(12, 10), representation="time_surface", surface_tau=9.0, split_by="duration",
        window=40, merge_polarities=True, resize="centre",
    )  # fmt: skip
    assert event_framing_of(EventWords(), config, 3) == EventFraming(time_steps=3, image_size=(12, 10))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"surface_tau": 0.0}, "surface_tau must be > 0"),
        ({"split_by": "duration"}, "window must be > 0"),
        ({"window": 9}, "window must be > 0 with split_by"),
        ({"representation": "voxels"}, "split_by must be 'time' for voxels"),
    ],
)
def test_words_of_events_that_mean_nothing_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EventWords(**words)


def test_recordings_are_augmented_in_training_only(tmp_path: Path) -> None:
    """Training and test part are the same recordings; in training, their events are dropped and their frames moved."""
    events = random_events(0, 300, Sensor(34, 34))
    for part in ("Train", "Test"):
        (tmp_path / part / "3").mkdir(parents=True)
        for number in range(8):
            write_forty_bit(tmp_path / part / "3" / f"{number:05}.bin", events)
    augment = {"event_drop": 1.0, "roll": 3, "cutout": 4}
    recipe = load_recipe("spikformer_cifar10dvs", dataset="nmnist", batch_size=8, augment=augment)
    config = ModelConfig(in_channels=2, image_size=(34, 34), time_steps=4)
    data = open_dataset(recipe, config, tmp_path)
    counts = torch.from_numpy(EventFraming(time_steps=4, image_size=(34, 34))(events, Sensor(34, 34)))
    tested = data.test.read(torch.arange(8), torch.Generator().manual_seed(0))
    assert torch.equal(tested.images, counts.expand(8, -1, -1, -1, -1))
    (batch,) = training_batches(data, recipe, workers=0).epoch()
    assert batch.x.shape == (8, 4, 2, 34, 34)
    assert (batch.x.sum((1, 2, 3, 4)) < 300).all()
    assert len(batch.x.flatten(1).unique(dim=0)) == 8


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
