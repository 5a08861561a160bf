from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from spikeformers.data import Dataset, Images
from spikeformers.errors import DataError


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
