"""Which data sets there are: a name for each, and the function that loads it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spikeformers.data.dataset import Dataset
from spikeformers.data.event_sets.event_set import Opened
from spikeformers.data.event_sets.table import EVENT_SETS
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.pictures.framing import Framing
from spikeformers.data.pictures.picture_set import PictureSet
from spikeformers.data.sets.cifar import load_cifar10, load_cifar100
from spikeformers.data.sets.digits import load_digits
from spikeformers.data.sets.image_folder import load_cifar10_jpeg, load_image_folder, load_imagenet
from spikeformers.data.sets.mnist import load_fashion_mnist, load_mnist
from spikeformers.data.watch import Watch
from spikeformers.errors import ConfigError, UnknownNameError, suggest

Loader = Callable[[Path | None], Dataset | PictureSet | Opened]
"""Takes the directory the user named, or None, and returns images, or pictures or recordings yet to be framed."""


@dataclass(frozen=True)
class _Entry:
    load: Loader
    in_folders: bool = False  # whether its files are pictures in one folder per class
    events: bool = False  # whether its samples are recordings of events


_DATASETS: dict[str, _Entry] = {
    "cifar10": _Entry(load_cifar10),
    "cifar100": _Entry(load_cifar100),
    "cifar10_jpeg": _Entry(load_cifar10_jpeg, in_folders=True),
    "digits": _Entry(load_digits),
    "fashion_mnist": _Entry(load_fashion_mnist),
    "image_folder": _Entry(load_image_folder, in_folders=True),
    "imagenet": _Entry(load_imagenet, in_folders=True),
    "mnist": _Entry(load_mnist),
    **{name: _Entry(each.load, events=True) for name, each in EVENT_SETS.items()},
}


def dataset_names() -> list[str]:
    """Return the names `load_dataset` knows, sorted."""
    return sorted(_DATASETS)


def lies_in_folders(name: str) -> bool:
    """Return whether the files of a data set are pictures in one folder per class; False where there is no such set."""
    entry = _DATASETS.get(_key(name))
    return entry is not None and entry.in_folders


def holds_events(name: str) -> bool:
    """Return whether a data set holds recordings of events, which become frames; False where there is no such set."""
    entry = _DATASETS.get(_key(name))
    return entry is not None and entry.events


def load_dataset(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    framing: Framing | EventFraming | None = None,
    watch: Watch | None = None,
) -> Dataset:
    """Load a data set by its name; capitals do not matter, and `-` may stand for `_`.

    Args:
        data_dir: where its files lie. Without it, the place its installer uses is tried.
        framing: how its pictures become images of one size, or its recordings frames; without it pictures stay as
            they are, which is an error where their sizes differ.
        watch: is told of progress and of what went another way while pictures are decoded.

    Raises:
        UnknownNameError: no data set has this name.
        DataError: its files are missing, incomplete or damaged; the message says how to get them.
    """
    entry = _DATASETS.get(_key(name))
    if entry is None:
        raise UnknownNameError(
            f"There is no data set '{name}'.{suggest(_key(name), _DATASETS)} Known are: "
            f"{', '.join(dataset_names())}; register_dataset adds one of your own."
        )
    return entry.load(None if data_dir is None else Path(data_dir)).framed(framing, watch or Watch())


def register_dataset(name: str, loader: Loader, *, in_folders: bool = False, events: bool = False) -> None:
    """Make `load_dataset(name)` call `loader(data_dir)`.

    Args:
        in_folders: whether its files are pictures in one folder per class, as `lies_in_folders` tells.
        events: whether its samples are recordings of events, as `holds_events` tells.

    Raises:
        ConfigError: the name is taken.
    """
    if _key(name) in _DATASETS:
        raise ConfigError(f"There is a data set '{_key(name)}' already. Register yours under another name.")
    _DATASETS[_key(name)] = _Entry(loader, in_folders, events)


def _key(name: str) -> str:
    return name.lower().replace("-", "_")
