"""Data sets that are folders of pictures, one folder per class, unpacked or in a zip archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from zipfile import BadZipFile

from spikeformers.data.pictures.galleries import Archive, FolderGallery, Gallery, ZipGallery
from spikeformers.data.pictures.layout import EXPECTED, Layout, Part, arrange, is_picture
from spikeformers.errors import DataError

CHEAP = 10_000  # entries `is_image_folder` looks at before it gives up


def open_class_folders(path: Path, key: str) -> tuple[Layout, Callable[[Part], Gallery]]:
    """Return how the pictures in a folder or zip archive are arranged, and what makes a gallery of a part.

    Args:
        key: name of the data set; see `layout.arrange`.

    Raises:
        DataError: neither a folder nor a zip archive, or not arranged as class folders.
    """
    if path.is_dir():
        return arrange(_readable(path), str(path), key), lambda part: FolderGallery(
            path / part.prefix, part.names, part.labels
        )
    if not path.is_file():
        raise DataError(f"{path}: no such folder or zip archive. Check the path. {EXPECTED}")
    archive = Archive(path)
    return arrange(_members(archive), str(path), key), lambda part: ZipGallery(
        archive, part.prefix, part.names, part.labels
    )


def is_image_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder or zip archive seems to hold pictures in class folders, looking at some of its files."""
    path = Path(path)
    try:
        files = _files(path) if path.is_dir() else _members(Archive(path))
        return any(map(is_picture, islice(files, CHEAP)))
    except (OSError, DataError):
        return False


def _readable(root: Path) -> Iterator[str]:
    try:
        yield from _files(root)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror}). Make it readable.") from error


def _files(folder: Path, inside: str = "", above: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the relative paths of all files; links are followed, except back to where they lie."""
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(Path(entry.path), f"{inside}{entry.name}/", above | {real})
            else:
                yield inside + entry.name


def _members(archive: Archive) -> Iterable[str]:
    try:
        return archive.open().NameToInfo.keys()
    except (OSError, BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(
            f"{archive.path}: not a readable zip archive ({error}). Name a folder, or fetch the archive again."
        ) from error
