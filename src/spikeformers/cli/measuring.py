"""What every measuring command needs: models side by side, each with what it looks at, and progress."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from torch import Tensor, nn

from spikeformers.cli.devices import usable_device
from spikeformers.cli.output import error_console
from spikeformers.cli.progress import unreadable_lines
from spikeformers.cli.trained import Trained, open_trained
from spikeformers.data import (
    Batches,
    Dataset,
    Normalised,
    Pictures,
    Prepare,
    Source,
    Subset,
    evenly_spaced,
    load_dataset,
    refuse_many,
)
from spikeformers.errors import ConfigError, InputError
from spikeformers.measure import Progress
from spikeformers.models import build_module
from spikeformers.report.samples import Noun, noun_of


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model to be measured and what it is measured on.

    Args:
        label: what it is called in tables; no two of a command have the same.
        name: of the model in the catalogue, or its class.
        model: in eval mode, on the device to compute on.
        trained: what its checkpoint says; None of a plain torch module.
        data: the data set whose test part is looked at.
        source: the samples of it that are looked at: uint8 pictures, or frames of recordings.
        mean, std: normalisation, per channel.
        unreadable: samples that were found to be so while they were read, with reasons; each is told of once.
    """

    label: str
    name: str
    model: nn.Module
    trained: Trained | None
    data: Dataset
    source: Source
    mean: tuple[float, ...]
    std: tuple[float, ...]
    unreadable: dict[str, None] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """How many are looked at."""
        return len(self.source)

    @property
    def noun(self) -> Noun:
        """What the samples are called."""
        return noun_of(self.data.name if self.trained is None else self.trained.dataset)

    @property
    def on(self) -> str:
        """What it is measured on, in words."""
        part = f"{self.samples:,}" if self.samples < len(self.data.test) else f"all {self.samples:,}"
        return f"{part} test {self.noun.counted(self.samples)} of {self.data.name}"

    def batches(self, batch_size: int) -> Iterable[tuple[Tensor, Tensor]]:
        """Normalised inputs, float32 [B, C, H, W] or [B, T, C, H, W], and labels [B]; each `for` reads them anew."""
        return self._read(batch_size, Normalised(self.mean, self.std))

    def raw(self, batch_size: int) -> Iterable[tuple[Tensor, Tensor]]:
        """Pixels, uint8 [B, C, H, W], or frames of events, float32 [B, T, C, H, W], and labels [B]; as `batches`."""
        return self._read(batch_size, _as_read)

    def _read(self, batch_size: int, prepare: Prepare) -> Iterable[tuple[Tensor, Tensor]]:
        batches = Batches(source=self.source, batch_size=batch_size, prepare=prepare, stand_ins=False)
        return _Read(batches, self.label, self.noun, self.unreadable)


@dataclass(frozen=True)
class _Read:
    batches: Batches
    label: str
    noun: Noun
    unreadable: dict[str, None]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        new: dict[str, None] = {}
        with closing(self.batches.epoch()) as epoch:
            for batch in epoch:
                new |= {name: None for name in batch.unreadable if name not in self.unreadable}
                refuse_many(
                    {**self.unreadable, **new}, len(self.batches.source), f"{self.label}: the test {self.noun.many}"
                )
                if len(batch):
                    yield batch.x, batch.targets
        self.unreadable.update(new)
        if new:
            error_console().print(unreadable_lines(tuple(new), self.noun), markup=False, soft_wrap=True)


def open_subjects(
    models: Sequence[str],
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    limit: int | None = None,
    device: str = "cpu",
) -> list[Subject]:
    """Open models to be measured on test samples, `limit` evenly spaced ones where there are more.

    Args:
        models: run directories, checkpoints, or `module:function` that returns a plain torch module.
        dataset: what to measure on; None is what each was trained on.

    Raises:
        InputError: no model, the same one twice, or a limit below 1.
        ConfigError, CheckpointError, DataError: a model or data set cannot be opened.
    """
    if not models:
        raise InputError("No model was named. Name a run directory or a checkpoint file.")
    named: dict[str, str] = {}
    for word in models:
        place = word if _is_function(word) else os.path.realpath(word)
        if place in named:
            also = "" if named[place] == word else f" ({named[place]} is the same)"
            raise InputError(f"{word} was named twice{also}. Name each model once.")
        named[place] = word
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}; it must be 1 or more.")
    where = usable_device(device)
    subjects = [_open(word, dataset, data_dir, limit, where) for word in models]
    return [replace(subject, label=label) for subject, label in zip(subjects, _labels(models), strict=True)]


def expect_files(*paths: Path | None) -> None:
    """Look at what is to be written before anything is measured; None is nothing to write.

    Raises:
        InputError: a directory, or a file in what is none.
    """
    for path in paths:
        if path is not None and path.is_dir():
            raise InputError(f"{path} is a directory. Name a file to write, such as {path / 'results'}.")
        parent = None if path is None else next((each for each in path.absolute().parents if each.exists()), None)
        if parent is not None and not parent.is_dir():
            raise InputError(f"{path} cannot be written: {parent} is no directory.")


def _open(word: str, dataset: str | None, data_dir: Path | None, limit: int | None, device: torch.device) -> Subject:
    trained = None if _is_function(word) else open_trained(Path(word), dataset)
    if trained is None:
        if dataset is None:
            raise ConfigError(f"{word} does not say what it was trained on. Name a data set with --dataset.")
        model, data = build_module(word), load_dataset(dataset, data_dir)
    else:
        model, data = trained.model, trained.open(data_dir)
    return Subject(
        label=word,
        name=type(model).__name__ if trained is None else trained.name,
        model=model.eval().to(device),
        trained=trained,
        data=data,
        source=data.test if limit is None else Subset(data.test, evenly_spaced(len(data.test), limit)),
        mean=data.mean,
        std=data.std,
    )


def _is_function(word: str) -> bool:
    return ":" in word and not Path(word).exists()


def _labels(words: Sequence[str]) -> list[str]:
    """The last parts of the paths, where they tell the models apart."""
    short = [word if _is_function(word) else _short(Path(word)) for word in words]
    return short if len(set(short)) == len(short) else list(words)


def _short(path: Path) -> str:
    return path.absolute().name if path.is_dir() else f"{path.absolute().parent.name}/{path.stem}"


def _as_read(pictures: Pictures, generator: torch.Generator, epoch: int) -> tuple[Tensor, Tensor]:
    return pictures.images, pictures.labels


@contextmanager
def counting(label: str, total: int) -> Iterator[Progress]:
    """Yield a function that shows on stderr how many of `total` samples are done; without a terminal nothing."""
    console = error_console()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(label, total=total)
        yield lambda done: bars.update(task, completed=done)
