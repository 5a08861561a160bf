from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from spikeformers.data import Dataset, Framing, Images, Missing, Subset, Watch, load_dataset, shape_of
from spikeformers.errors import ConfigError, DataError


def images(count: int = 4, channels: int = 1, labels: list[int] | None = None) -> Images:
    return Images(
        torch.zeros(count, channels, 8, 8, dtype=torch.uint8),
        torch.tensor(labels if labels is not None else [0] * count, dtype=torch.int64),
    )


def dataset(**changes: Any) -> Dataset:
    words: dict[str, Any] = {
        "name": "toy",
        "train": images(),
        "test": images(2),
        "classes": ("a", "b", "c"),
        "mean": (0.5,),
        "std": (0.25,),
        "licence": "",
        "citation": "",
    }
    return Dataset(**(words | changes))


def test_a_sound_data_set_is_accepted() -> None:
    toy = dataset(train=images(labels=[0, 1, 2, 2]))
    assert (len(toy.train), len(toy.test)) == (4, 2)


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        (torch.zeros(2, 1, 8, 8), torch.zeros(2).long(), "images as torch.uint8.*got torch.float32"),
        (torch.zeros(2, 8, 8).byte(), torch.zeros(2).long(), r"\[N, C, H, W\], got torch.uint8 of shape \[2, 8, 8\]"),
        (torch.zeros(2, 1, 8, 8).byte(), torch.zeros(2), "labels as torch.int64.*got torch.float32"),
        (torch.zeros(2, 1, 8, 8).byte(), torch.zeros(2, 1).long(), r"shape \[N\]"),
        (torch.zeros(2, 1, 8, 8).byte(), torch.zeros(3).long(), "2 images but 3 labels"),
    ],
)
def test_images_must_fit_their_labels(pixels: torch.Tensor, labels: torch.Tensor, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Images(pixels, labels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": images(labels=[0, 1, 3, 3])}, "'toy', train part: label 3 of sample 2 .* 3 classes .*; 2 of 4"),
        ({"test": images(2, labels=[0, -1])}, "'toy', test part: label -1 of sample 1"),
        ({"test": images(0)}, "test part: there is no image"),
        ({"test": images(2, channels=3)}, "training images are .* but test images"),
        ({"mean": (0.5, 0.5)}, r"1 channel\(s\), but there are 2 means and 1 standard"),
        ({"mean": (math.nan,)}, "mean .*nan.* must be finite"),
        ({"std": (math.nan,)}, "std .*nan.* finite and above 0"),
        ({"std": (math.inf,)}, "std .*inf.* finite and above 0"),
        ({"std": (0.0,)}, "above 0"),
    ],
)
def test_parts_that_do_not_agree_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        dataset(**changes)


def test_a_title_is_what_the_set_is_called_in_text() -> None:
    assert dataset().title == "toy"
    assert dataset(title="Toys (JPEG)").title == "Toys (JPEG)"


def test_a_validation_part_must_fit_the_others() -> None:
    assert dataset(validation=images(3)).validation is not None
    with pytest.raises(DataError, match="validation part: there is no image"):
        dataset(validation=images(0))
    with pytest.raises(DataError, match=r"training images are .* but validation images"):
        dataset(validation=images(2, channels=3))
    with pytest.raises(DataError, match="validation part: label 7"):
        dataset(validation=images(2, labels=[0, 7]))


def test_a_share_of_the_training_part_becomes_the_validation_part() -> None:
    toy = dataset(train=images(40, labels=[0, 1, 2, 2] * 10))
    held = toy.with_validation(0.2)
    assert held.validation is not None
    assert torch.bincount(held.validation.labels).tolist() == [2, 2, 4]
    assert torch.bincount(held.train.labels).tolist() == [8, 8, 16]
    assert held.test is toy.test
    assert toy.with_validation(0.0) is toy
    own = dataset(validation=images(3))
    assert own.with_validation(0.5) is own
    with pytest.raises(ConfigError, match="share to hold out is 1"):
        toy.with_validation(1)


def test_the_validation_part_is_framed_as_at_evaluation() -> None:
    pixels = torch.randint(0, 256, (20, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    toy = dataset(train=Images(pixels, torch.zeros(20, dtype=torch.int64)))
    framing = Framing(image_size=(8, 8), channels=1, scale=(0.1, 0.5))
    cropped = toy.framed(framing, Watch()).with_validation(0.2)
    assert cropped.validation is not None
    for place in range(4):
        read = cropped.validation.read(torch.tensor([place])).images
        assert any(torch.equal(read[0], image) for image in pixels)
    read = cropped.train.read(torch.arange(16), torch.Generator()).images
    assert not any(torch.equal(one, image) for one in read for image in pixels)


def test_framing_changes_size_and_channels_of_every_part() -> None:
    toy = dataset(train=images(6), validation=images(3))
    framed = toy.framed(Framing(image_size=(4, 6), channels=3), Watch())
    assert framed.validation is not None
    for part in (framed.train, framed.test, framed.validation):
        assert shape_of(part) == (3, 4, 6)
    assert len(framed.mean) == len(framed.std) == 3
    same = toy.framed(Framing(image_size=(8, 8), channels=1), Watch())
    assert same.train is toy.train
    assert (same.mean, same.std) == (toy.mean, toy.std)


def test_frames_of_images_are_those_of_the_pictures_in_them() -> None:
    digits = load_dataset("digits")
    framing = Framing(image_size=(20, 20), channels=1, interpolation="bilinear")
    framed = digits.framed(framing, Watch())
    first = Image.fromarray(digits.train.read(torch.tensor([0])).images[0, 0].numpy())
    expected = np.array(first.resize((20, 20), Image.Resampling.BILINEAR))
    assert np.array_equal(framed.train.read(torch.tensor([0])).images[0, 0].numpy(), expected)
    assert (framed.mean, framed.std) == (digits.mean, digits.std)


def test_a_source_of_its_own_kind_cannot_be_framed() -> None:
    toy = dataset(train=Subset(images(6), torch.arange(3)))
    with pytest.raises(DataError, match=r"cannot be framed to .* Let its loader return them so"):
        toy.framed(Framing(image_size=(4, 4), channels=1), Watch())


def test_a_fold_takes_the_place_of_the_test_part() -> None:
    toy = dataset(train=images(10), test=images(2)).with_fold(2, 4)
    assert toy.test.indices.tolist() == [2, 6]
    assert toy.train.indices.tolist() == [0, 1, 3, 4, 5, 7, 8, 9]


def test_a_missing_part_is_empty_and_says_what_is_missing() -> None:
    toy = dataset(train=Missing((1, 8, 8), "No training part: fetch it."))
    assert len(toy.train) == 0
    assert toy.need("test") is toy
    with pytest.raises(DataError, match="No training part: fetch it"):
        toy.need("train", "test")
    with pytest.raises(DataError, match="No training part: fetch it"):
        toy.with_fold(0, 2)
    with pytest.raises(DataError, match="No training part: fetch it"):
        toy.train.read(torch.tensor([0]))


def test_a_missing_part_must_have_the_shape_of_the_others() -> None:
    with pytest.raises(DataError, match=r"training images are \(2, 8, 8\) but test images \(1, 8, 8\)"):
        dataset(train=Missing((2, 8, 8), ""))
