"""Labelled pictures that are read by index, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from spikeformers.errors import DataError


@dataclass(frozen=True, eq=False)
class Pictures:
    """What one read returns.

    Attributes:
        images: uint8 `[B, C, H, W]`, or frames of events, float32 `[B, T, C, H, W]`.
        labels: int64 `[B]`.
        unreadable: names, with reasons, of the pictures that could not be read.
        stand_ins: bool `[B]`, where another picture of the same read, with its label, stands for an unreadable one;
            None: nowhere.
    """

    images: Tensor
    labels: Tensor
    unreadable: tuple[str, ...] = ()
    stand_ins: Tensor | None = None

    def without_stand_ins(self) -> Pictures:
        """Return only the pictures that were asked for and read; there may be none."""
        if self.stand_ins is None:
            return self
        kept = ~self.stand_ins
        return Pictures(self.images[kept], self.labels[kept], self.unreadable)


def with_stand_ins(images: Tensor, labels: Tensor, readable: Sequence[int], refused: Sequence[str]) -> Pictures:
    """Return what was read; for each unreadable picture stands the next readable one, after the last the first.

    Args:
        images: of the readable pictures only, `[R, ...]`.
        labels: of all that were asked for, `[B]`.
        readable: the places of the readable ones among those asked for, in order.
        refused: names, with reasons, of the others.
    """
    if not readable:
        return Pictures(images, labels[:0], tuple(refused))
    if not refused:
        return Pictures(images, labels)
    kept, places = torch.tensor(readable), torch.arange(len(labels))
    shown = torch.searchsorted(kept, places) % len(kept)
    return Pictures(images[shown], labels[kept[shown]], tuple(refused), kept[shown] != places)


class Source(Protocol):
    """Labelled pictures that are read by index.

    A source may also have `shape`, the (C, H, W) of every image, `names`, what each picture is called, and
    `at_evaluation()`, which returns it without random choices; `shape_of`, `names_of` and `at_evaluation` ask for them.
    """

    @property
    def labels(self) -> Tensor:
        """The index of each picture's class, int64 `[N]`."""
        ...

    def __len__(self) -> int: ...

    def read(self, indices: Tensor, generator: torch.Generator | None = None) -> Pictures:
        """Return the pictures at `indices` (int64 `[B]`), random choices among them drawn from `generator`.

        Where some cannot be read, others may stand in for them, or fewer are returned; `Pictures` tells.
        """
        ...


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their labels, in memory or memory-mapped.

    Attributes:
        images: uint8 `[N, C, H, W]`, 0 black to 255 full intensity.
        labels: int64 `[N]`, the index of each image's class.
        names: what each picture is called; nothing where its index is its name.

    Raises:
        DataError: another dtype or rank, or not as many labels, or names, as images.
    """

    images: Tensor
    labels: Tensor
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        _expect("images", self.images, torch.uint8, "[N, C, H, W]")
        _expect("labels", self.labels, torch.int64, "[N]")
        if len(self.images) != len(self.labels):
            raise DataError(
                f"There are {len(self.images)} images but {len(self.labels)} labels. "
                "Every image needs exactly one label; check that both come from the same split."
            )
        if len(self.names) not in (0, len(self.images)):
            raise DataError(
                f"There are {len(self.images)} images but {len(self.names)} names. Name every image, or none."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def read(self, indices: Tensor, generator: torch.Generator | None = None) -> Pictures:
        """Return copies of the images at `indices` (int64 `[B]`); nothing about them is random."""
        return Pictures(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Missing:
    """A part of a data set that the user does not have: it is empty, and says what is missing to whoever reads it.

    Attributes:
        shape: (C, H, W) its pictures would have.
        why: what is missing, where, and what to do.
    """

    shape: tuple[int, int, int]
    why: str
    labels: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))

    def __len__(self) -> int:
        return 0

    def read(self, indices: Tensor, generator: torch.Generator | None = None) -> Pictures:
        """Raise a DataError with what is missing."""
        raise DataError(self.why)


@dataclass(frozen=True, eq=False)
class Subset:
    """Some pictures of a source, in an order of their own; no pixel is copied.

    Attributes:
        indices: int64 `[N]`, where each picture stands in the source.
    """

    source: Source
    indices: Tensor

    @cached_property
    def labels(self) -> Tensor:
        return self.source.labels[self.indices]

    @cached_property
    def names(self) -> Sequence[str]:
        names = names_of(self.source)
        return [names[index] for index in self.indices.tolist()]

    @property
    def shape(self) -> tuple[int, int, int]:
        return shape_of(self.source)

    def at_evaluation(self) -> Subset:
        """Return the same pictures without random choices."""
        return replace(self, source=at_evaluation(self.source))

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, indices: Tensor, generator: torch.Generator | None = None) -> Pictures:
        """Return the pictures at `indices` (int64 `[B]`) of this subset."""
        return self.source.read(self.indices[indices], generator)


def read_all(source: Source) -> Pictures:
    """Return all pictures of a source at once."""
    return source.read(torch.arange(len(source)), torch.Generator())


def evenly_spaced(total: int, most: int) -> Tensor:
    """Return the indices of `total` pictures, or of `most` evenly spaced ones where there are more, int64."""
    count = min(total, most)
    return torch.arange(count) * total // max(1, count)


def shape_of(source: Source) -> tuple[int, int, int]:
    """Return the (C, H, W) of a source's images; where it does not tell, its first picture is read."""
    shape = getattr(source, "shape", None)
    if shape is None:
        shape = source.read(torch.tensor([0]), torch.Generator()).images.shape[1:]
    channels, height, width = shape
    return channels, height, width


def names_of(source: Source) -> Sequence[str]:
    """Return what each picture of a source is called: its name, or else its index."""
    return getattr(source, "names", ()) or [str(index) for index in range(len(source))]


def at_evaluation(source: Source) -> Source:
    """Return the same pictures as they are read at evaluation, without random choices such as crops."""
    calm = getattr(source, "at_evaluation", None)
    return source if calm is None else calm()


def in_memory(source: Source) -> bool:
    """Return whether reading copies ready pixels, so that worker processes would gain nothing."""
    return isinstance(source, Images) or (isinstance(source, Subset) and in_memory(source.source))


def _expect(what: str, tensor: Tensor, dtype: torch.dtype, shape: str) -> None:
    rank = shape.count(",") + 1
    if tensor.dtype != dtype or tensor.dim() != rank:
        raise DataError(
            f"Expected {what} as {dtype} of shape {shape}, got {tensor.dtype} of shape {list(tensor.shape)}."
        )
