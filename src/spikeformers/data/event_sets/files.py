"""Listing the files of a data set: each directory once, and each file's state once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from spikeformers.errors import DataError


class State(NamedTuple):
    """What tells that a file has not changed: bytes, and nanoseconds since 1970."""

    size: int
    changed: int


class Listed(NamedTuple):
    """Files in class folders, sorted: `class/file`, the class's index, the state."""

    names: list[str]
    labels: Tensor
    states: list[State]


def state_of(path: Path) -> State:
    """Return the state of one file.

    Raises:
        DataError: it cannot be looked at.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    return State(facts.st_size, facts.st_mtime_ns)


def files_in(folder: Path) -> dict[str, State]:
    """Return name -> state of the files in a folder, hidden ones left out; nothing where there is no folder.

    Raises:
        DataError: it cannot be listed.
    """
    try:
        return dict(sorted(_entries(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror}). Make it readable.") from error


def folders_in(folder: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted, hidden ones left out; nothing where there is no folder.

    Raises:
        DataError: it cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror}). Make it readable.") from error


def class_folders(root: Path, classes: Iterable[str], suffixes: Collection[str]) -> Listed:
    """List `root/<class>/<file>` in the order of the classes, then of the names.

    Args:
        suffixes: of the files that count, in small letters.
    """
    names: list[str] = []
    labels: list[int] = []
    states: list[State] = []
    for label, folder in enumerate(classes):
        for name, state in files_in(root / folder).items():
            if name.lower().endswith(tuple(suffixes)):
                names.append(f"{folder}/{name}")
                labels.append(label)
                states.append(state)
    return Listed(names, torch.tensor(labels, dtype=torch.int64), states)


def unwrapped(root: Path, folder: str) -> Path:
    """Return the folder of this name in `root`, where a release was unpacked so, or else `root` itself."""
    return root / folder if (root / folder).is_dir() else root


def _entries(folder: Path) -> Iterator[tuple[str, State]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file() and not entry.name.startswith("."):
                facts = entry.stat()
                yield entry.name, State(facts.st_size, facts.st_mtime_ns)
