"""What a labelled image data set is: two parts of uint8 images with labels, and the facts that go with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.errors import DataError


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their labels.

    Attributes:
        images: uint8 `[N, C, H, W]`, 0 black to 255 full intensity.
        labels: int64 `[N]`, the index of each image's class.

    Raises:
        DataError: another dtype or rank, or not as many labels as images.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        _expect("images", self.images, torch.uint8, "[N, C, H, W]")
        _expect("labels", self.labels, torch.int64, "[N]")
        if len(self.images) != len(self.labels):
            raise DataError(
                f"There are {len(self.images)} images but {len(self.labels)} labels. "
                "Every image needs exactly one label; check that both come from the same split."
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """A data set with a fixed training and test part.

    Attributes:
        classes: name of each class; label k means `classes[k]`.
        mean, std: of each channel over the training part, pixels scaled to 0..1.
        licence: under which terms the data may be used.
        citation: what to cite when figures on this data are published.

    Raises:
        DataError: an empty part, a label outside the classes, or parts, mean and std that do not agree.
    """

    name: str
    train: Images
    test: Images
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    citation: str

    def __post_init__(self) -> None:
        for part, images in (("train", self.train), ("test", self.test)):
            where = f"Data set '{self.name}', {part} part"
            if not len(images):
                raise DataError(f"{where}: there is no image in it. Give at least one image and its label.")
            check_labels(images.labels, len(self.classes), where)
        self._check_shapes()
        if not (all(map(math.isfinite, self.mean)) and all(0 < std < math.inf for std in self.std)):
            raise DataError(
                f"Data set '{self.name}': mean {self.mean} must be finite and std {self.std} finite and "
                "above 0; take them from the training images, scaled to 0..1."
            )

    def _check_shapes(self) -> None:
        train, test = tuple(self.train.images.shape[1:]), tuple(self.test.images.shape[1:])
        if train != test:
            raise DataError(
                f"Data set '{self.name}': training images are {train} but test images {test} (channels, "
                "height, width). Bring both to one shape."
            )
        if not len(self.mean) == len(self.std) == train[0]:
            raise DataError(
                f"Data set '{self.name}': images have {train[0]} channel(s), but there are {len(self.mean)} "
                f"means and {len(self.std)} standard deviations. Give one of each per channel."
            )


def check_labels(labels: Tensor, classes: int, where: str) -> None:
    """Raise a DataError that begins with `where` if a label lies outside 0..classes-1."""
    wrong = torch.nonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        first = int(wrong[0])
        raise DataError(
            f"{where}: label {int(labels[first])} of sample {first} is outside the {classes} classes "
            f"(0 to {classes - 1}); {len(wrong)} of {len(labels)} labels are. Correct them or the classes."
        )


def _expect(what: str, tensor: Tensor, dtype: torch.dtype, shape: str) -> None:
    rank = shape.count(",") + 1
    if tensor.dtype != dtype or tensor.dim() != rank:
        raise DataError(
            f"Expected {what} as {dtype} of shape {shape}, got {tensor.dtype} of shape {list(tensor.shape)}."
        )
