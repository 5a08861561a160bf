"""Places that cannot be written: what was there before survives, and nothing is left beside it."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spikeformers
from spikeformers.errors import CheckpointError
from tests.models.tiny import SMALLEST, smallest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A good checkpoint."""
    spikeformers.save(smallest(), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


class FullDisk(io.RawIOBase):
    """A file on a disk with room for a hundred bytes more, or one whose last bytes are refused when flushed."""

    def __init__(self, handle: int, room: int) -> None:
        self.handle, self.room = handle, room

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.handle

    def write(self, content: Any) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.write(self.handle, content[: self.room])
        self.room -= written
        return written

    def close(self) -> None:
        if not self.closed:
            os.close(self.handle)
        super().close()


def fail(code: int) -> Callable[..., Any]:
    def raise_it(*args: object, **words: object) -> None:
        raise OSError(code, os.strerror(code))

    return raise_it


PLACES = {
    "disk full": ("os.fdopen", lambda handle, mode: io.BufferedWriter(FullDisk(handle, 100)), "No space left"),
    "full when flushed": ("os.fsync", fail(errno.ENOSPC), "No space left"),
    "read-only directory": ("tempfile.mkstemp", fail(errno.EACCES), "Permission denied"),
    "read-only file system": ("tempfile.mkstemp", fail(errno.EROFS), "Read-only file system"),
    "target in use": ("os.replace", fail(errno.EBUSY), "Device or resource busy"),
}


@pytest.mark.parametrize("place", PLACES)
def test_what_was_there_survives_a_failure(path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    what, replacement, reason = PLACES[place]
    advice = "free 1 MiB or " if reason.startswith("No space") else ""
    before = path.read_bytes()
    other = smallest(dim=32)
    with monkeypatch.context() as patch:
        patch.setattr(f"spikeformers.files.{what}", replacement)
        with pytest.raises(
            CheckpointError,
            match=rf"could not write {path}: {reason}.* Nothing .* is lost; {advice}choose another place",
        ):
            spikeformers.save(other, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    spikeformers.save(other, path)
    assert spikeformers.load(path).config == other.config


def test_a_target_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(CheckpointError, match=r"could not write .*: Is a directory"):
        spikeformers.save(smallest(), tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == [tmp_path / "model.safetensors"]


def test_a_parent_that_is_a_file(path: Path) -> None:
    with pytest.raises(CheckpointError, match="could not write"):
        spikeformers.save(smallest(), path / "model.safetensors")
    assert spikeformers.load(path).name == SMALLEST
