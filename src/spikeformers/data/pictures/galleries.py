"""Labelled pictures that are still encoded: files in a folder, members of a zip archive, or arrays."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Protocol
from zipfile import ZipFile

from PIL import Image
from torch import Tensor

from spikeformers.data.pictures.decoding import decode, naming
from spikeformers.data.sources import Images


class Gallery(Protocol):
    """Pictures of any size by index. Galleries can be sent to other processes and read by several threads."""

    @property
    def names(self) -> Sequence[str]:
        """What each picture is called: `class/file`, whatever it lies in."""
        ...

    @property
    def labels(self) -> Tensor:
        """The index of each picture's class, int64 `[N]`."""
        ...

    def picture(self, index: int) -> Image.Image:
        """Return one picture, upright and in an 8-bit mode; raise a DataError that names it where it is damaged."""
        ...

    def fingerprint(self) -> str | None:
        """Return a word that changes whenever a picture may have changed; None: not worth to be kept decoded."""
        ...


@dataclass(frozen=True, eq=False)
class FolderGallery:
    """Pictures that are files: `root / name`."""

    root: Path
    names: Sequence[str]
    labels: Tensor

    def picture(self, index: int) -> Image.Image:
        path = self.root / self.names[index]
        with naming(str(path)), path.open("rb") as file:
            return decode(file)

    def fingerprint(self) -> str:
        files = (f"{name} {_state(self.root / name)}" for name in self.names)
        return _hash(chain([str(self.root.resolve())], files))


class Archive:
    """A zip archive that every process opens for itself: forked ones would move each other's file position."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: dict[int, ZipFile] = {}

    def open(self) -> ZipFile:
        """Return the archive as this process has opened it."""
        process = os.getpid()
        if process not in self._opened:
            self._opened[process] = ZipFile(self.path)
        return self._opened[process]

    def __reduce__(self) -> tuple[type[Archive], tuple[Path]]:
        return Archive, (self.path,)


@dataclass(frozen=True, eq=False)
class ZipGallery:
    """Pictures that are members of a zip archive: `prefix + name`."""

    archive: Archive
    prefix: str
    names: Sequence[str]
    labels: Tensor

    def picture(self, index: int) -> Image.Image:
        member = self.prefix + self.names[index]
        with naming(f"{self.archive.path}: {member}"):
            # Read to its end, for only there zipfile compares the checksum.
            return decode(BytesIO(self.archive.open().read(member)))

    def fingerprint(self) -> str:
        path, members = self.archive.path, self.archive.open().NameToInfo
        checksums = (f"{name} {members[self.prefix + name].CRC}" for name in self.names)
        return _hash(chain([f"{path.resolve()} {_state(path)}"], checksums))


@dataclass(frozen=True, eq=False)
class ArrayGallery:
    """Images in memory as pictures."""

    images: Images

    @property
    def names(self) -> Sequence[str]:
        return self.images.names

    @property
    def labels(self) -> Tensor:
        return self.images.labels

    def picture(self, index: int) -> Image.Image:
        pixels = self.images.images[index].permute(1, 2, 0).contiguous().numpy()
        return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])

    def fingerprint(self) -> None:
        return None


def _hash(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def _state(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError:  # reading it will say so
        return "missing"
    # The change time as well: what is unpacked over another file may have its size and its time of modification.
    return f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns}"
