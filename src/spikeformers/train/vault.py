"""States of an unfinished run on the disk: checked when they are read, the one before kept until the next is safe."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import torch

from spikeformers.errors import CheckpointError
from spikeformers.files import atomic_write

_MAGIC = b"spikeformers state 1\n"
_NAME = re.compile(r"state-(\d{10})\.bin")
KEPT = 2


def state_file(directory: Path, step: int) -> Path:
    """Return the file of the state after `step` updates."""
    return directory / f"state-{step:010d}.bin"


def state_files(directory: Path) -> list[Path]:
    """Return the states in a directory, the newest first."""
    found = (path for path in directory.iterdir() if _NAME.fullmatch(path.name)) if directory.is_dir() else ()
    return sorted(found, reverse=True)


def write_state(path: Path, content: dict[str, Any]) -> None:
    """Write a state of tensors, numbers, texts, lists and dictionaries, with the hash that proves it whole.

    Raises:
        OSError: the file could not be written; one that was there is untouched.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getbuffer()
    with atomic_write(path) as file:
        file.write(_MAGIC + hashlib.sha256(payload).digest())
        file.write(payload)


def read_state(path: Path) -> dict[str, Any]:
    """Read a state back, onto the CPU; nothing in the file is executed.

    Raises:
        CheckpointError: the file is damaged, or no state.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    head = len(_MAGIC) + hashlib.sha256().digest_size
    if content[: len(_MAGIC)] != _MAGIC:
        raise CheckpointError(f"{path} is not a state of this version of spikeformers.")
    if hashlib.sha256(memoryview(content)[head:]).digest() != content[len(_MAGIC) : head]:
        raise CheckpointError(f"{path} is damaged: its content does not match its hash.")
    state: dict[str, Any] = torch.load(io.BytesIO(content[head:]), map_location="cpu", weights_only=True)
    return state


def prune(directory: Path) -> None:
    """Remove all but the newest states."""
    for path in state_files(directory)[KEPT:]:
        path.unlink(missing_ok=True)
