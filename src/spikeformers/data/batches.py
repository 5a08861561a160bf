"""Labelled pictures as batches for a model, in an order that depends on seed and epoch only.

Nothing is carried from batch to batch: order and augmentation of batch b of epoch e come from streams of their own.
So any number of worker processes gives the same batches, and an interrupted epoch can go on at any of them.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset

from spikeformers.data.sources import Pictures, Source
from spikeformers.data.streams import stream
from spikeformers.data.unreadable import none_readable
from spikeformers.data.workers import by_workers
from spikeformers.errors import ConfigError, SpikeformersError

PREFETCH = 4  # batches each worker process prepares ahead
DIED = (
    "A worker process that prepares batches has died, often for lack of memory ({reason}). What was saved is intact: "
    "go on with fewer workers (--workers 0 needs none), or free memory first."
)


@dataclass(frozen=True)
class Batch:
    """What a model is fed at once.

    Attributes:
        x: float32 inputs `[B, C, H, W]` or `[B, T, C, H, W]`.
        targets: int64 labels `[B]`, or float32 shares of the classes `[B, K]` where samples are mixed.
        unreadable: pictures that could not be read, with reasons.
    """

    x: Tensor
    targets: Tensor
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.targets)


class Prepare(Protocol):
    """From pictures to a model's input; must be picklable for worker processes."""

    def __call__(self, pictures: Pictures, generator: torch.Generator, epoch: int) -> tuple[Tensor, Tensor]:
        """Return inputs and targets; every random choice comes from the generator."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Batches:
    """Epochs of batches over a source.

    Attributes:
        prepare: makes inputs and targets of the pictures of one batch.
        seed: decides order and augmentation; None keeps the source's order.
        keep_last: whether a last batch that is not full is kept. The only batch always is.
        workers: processes that prepare batches ahead; 0 prepares each when it is asked for.
        stand_ins: whether another picture may stand for an unreadable one, so that batches stay full. Without, it is
            missing; a batch may even be empty.

    Raises:
        ConfigError: a batch size below 1, or fewer workers than 0.
        DataError: while they are read, with `stand_ins`: no picture of a batch can be read.
    """

    source: Source
    batch_size: int
    prepare: Prepare
    seed: int | None = None
    keep_last: bool = True
    workers: int = 0
    stand_ins: bool = True

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ConfigError(f"batch_size is {self.batch_size}; it must be 1 or more.")
        if self.workers < 0:
            raise ConfigError(f"The number of workers is {self.workers}; it must be 0 or more.")

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.source), self.batch_size)
        return whole + bool(rest and (self.keep_last or not whole))

    def epoch(self, number: int = 0, *, start: int = 0) -> Generator[Batch, None, None]:
        """Yield the batches of one epoch from batch `start` on.

        Close the iterator (`contextlib.closing`) where it may not be exhausted: that ends the workers.

        Raises:
            DataError: pictures cannot be read, or a worker process has died.
        """
        epoch, numbers = _Epoch(self, number), range(start, len(self))
        made = (
            by_workers(epoch, numbers, self.workers, ahead=PREFETCH, died=DIED)
            if self.workers
            else (epoch[index] for index in numbers)
        )
        with closing(made):
            for batch in made:
                if isinstance(batch, SpikeformersError):
                    raise batch
                yield batch


class _Epoch(Dataset["Batch | SpikeformersError"]):
    """The batches of one epoch by number."""

    def __init__(self, batches: Batches, number: int) -> None:
        self.batches, self.number = batches, number
        count, seed = len(batches.source), batches.seed
        self.order = (
            torch.arange(count)
            if seed is None
            else torch.randperm(count, generator=stream(seed, f"order of epoch {number}"))
        )

    def __getitem__(self, index: int) -> Batch | SpikeformersError:
        """Make a batch; an error the user can act on is returned, since a worker would wrap it in its traceback."""
        try:
            return self._batch(index)
        except SpikeformersError as error:
            return error

    def _batch(self, index: int) -> Batch:
        batches = self.batches
        chosen = self.order[index * batches.batch_size : (index + 1) * batches.batch_size]
        generator = stream(batches.seed or 0, f"augmentation of batch {index} of epoch {self.number}")
        pictures = batches.source.read(chosen, generator)
        if not batches.stand_ins:
            pictures = pictures.without_stand_ins()
        elif not len(pictures.labels):
            raise none_readable(pictures.unreadable)
        x, targets = batches.prepare(pictures, generator, self.number)
        return Batch(x, targets, pictures.unreadable)
