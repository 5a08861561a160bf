"""A small data set, a small recipe and a disk that fills up."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spikeformers.data import Dataset, Images, load_dataset
from spikeformers.train.recipe import Recipe, load_recipe


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The first 320 training and 120 test digits; `fit` gets them as its data set "digits"."""
    whole = load_dataset("digits")
    small = replace(whole, train=_first(whole.train, 320), test=_first(whole.test, 120))

    def load_small(name: str, data_dir: Path | None = None, **words: Any) -> Dataset:
        return small if name == "digits" else load_dataset(name, data_dir, **words)

    monkeypatch.setattr("spikeformers.train.feed.load_dataset", load_small)
    return small


@pytest.fixture
def recipe() -> Recipe:
    """Two epochs of a Spikformer of 32 channels, one block and two time steps."""
    return load_recipe(
        "digits_spikformer",
        batch_size=32,
        optimizer={"lr": 1e-2},
        model={"config": {"dim": 32, "depth": 1, "heads": 2, "time_steps": 2}},
        schedule={"epochs": 2, "warmup_epochs": 0.2},
    )


@pytest.fixture
def fill_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and every file written atomically from then on takes half of its content, then reports a full disk."""
    open_handle = os.fdopen

    def open_on_full_disk(handle: int, mode: str) -> Any:
        file = open_handle(handle, mode)

        class HalfWritten:
            def __enter__(self) -> HalfWritten:
                return self

            def __exit__(self, *error: object) -> None:
                file.close()

            def write(self, content: bytes) -> int:
                file.write(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return HalfWritten()

    return lambda: monkeypatch.setattr("spikeformers.files.os.fdopen", open_on_full_disk)


def _first(images: Images, count: int) -> Images:
    return Images(images.images[:count], images.labels[:count])
