"""Labelled uint8 images as normalised float batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spikeformers.data.augment import Augment
from spikeformers.data.dataset import Images
from spikeformers.errors import ConfigError, DataError


def batches(
    images: Images,
    *,
    batch_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    shuffle: bool = False,
    generator: torch.Generator | None = None,
    augment: Augment | None = None,
    drop_last: bool = False,
) -> Batches:
    """Return an iterable over batches `(x, y)`: x float32 `[B, C, H, W]` normalised, y int64 `[B]`.

    Every iteration is one epoch. The order and the augmentation come from `generator` alone, so equal
    generator states give equal epochs; the generator moves on as the epoch does.

    Args:
        mean, std: per channel, for pixels scaled to 0..1.
        shuffle: draw a new order for every epoch, instead of the stored one.
        generator: source of all randomness; needed with `shuffle` or `augment`.
        augment: called with uint8 images `[B, C, H, W]` and the generator, before normalisation.
        drop_last: leave out a last batch of fewer than `batch_size` images.

    Raises:
        ConfigError: a batch size below 1, or one that leaves no batch.
        DataError: mean or std do not fit the channels of the images.
    """
    return Batches(images, batch_size, tuple(mean), tuple(std), shuffle, generator, augment, drop_last)


@dataclass(frozen=True, eq=False)
class Batches:
    """Epochs over labelled images; see `batches`."""

    images: Images
    batch_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    shuffle: bool
    generator: torch.Generator | None
    augment: Augment | None
    drop_last: bool

    def __post_init__(self) -> None:
        _check_channels(self.images.images, self.mean, self.std)
        if self.batch_size < 1:
            raise ConfigError(f"batch_size is {self.batch_size}; it must be 1 or more.")
        if self.drop_last and len(self.images) < self.batch_size:
            raise ConfigError(
                f"batch_size {self.batch_size} with drop_last leaves no batch of {len(self.images)} images. "
                "Take a smaller batch_size, or keep the last batch."
            )
        if (self.shuffle or self.augment) and self.generator is None:
            raise ValueError("shuffle and augment draw random numbers: pass a torch.Generator")

    def __len__(self) -> int:
        whole, rest = divmod(len(self.images), self.batch_size)
        return whole + bool(rest and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        pixels, labels = self.images.images, self.images.labels
        order = torch.randperm(len(labels), generator=self.generator) if self.shuffle else None
        for number in range(len(self)):
            span = slice(number * self.batch_size, (number + 1) * self.batch_size)
            chosen = span if order is None else order[span]
            x = pixels[chosen]
            if self.augment is not None and self.generator is not None:
                x = self.augment(x, self.generator)
            yield normalise(x, self.mean, self.std), labels[chosen]


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return `(images / 255 - mean) / std` per channel as a new float32 tensor.

    Args:
        images: `[B, C, H, W]`, 0..255, uint8 or float.
        mean, std: one number per channel.

    Raises:
        DataError: not as many means or standard deviations as channels.
    """
    _check_channels(images, mean, std)
    centre = torch.tensor(mean, device=images.device).view(-1, 1, 1)
    spread = torch.tensor(std, device=images.device).view(-1, 1, 1)
    return torch.addcmul(-centre / spread, images.float(), 1 / (255 * spread))


def _check_channels(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> None:
    if not len(mean) == len(std) == images.shape[1]:
        raise DataError(
            f"The images have {images.shape[1]} channel(s), but {len(mean)} means and {len(std)} standard "
            "deviations were given. Give one of each per channel."
        )
