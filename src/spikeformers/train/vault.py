"""States of an unfinished run on the disk: checked when they are read, the one before kept until the next is safe."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeformers.errors import CheckpointError
from spikeformers.files import atomic_write

if TYPE_CHECKING:  # finding and listing runs must not import torch
    from torch import Tensor

_MAGIC = b"spikeformers state 1\n"
_STRUCTURE = "structure"
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

    Equal states give equal bytes.

    Raises:
        OSError: the file could not be written; one that was there is untouched.
    """
    import safetensors.torch

    tensors: dict[str, Tensor] = {}
    structure = json.dumps(_taken_apart(content, tensors))
    payload = safetensors.torch.save(tensors, {_STRUCTURE: structure})
    with atomic_write(path) as file:
        file.write(_MAGIC + hashlib.sha256(payload).digest())
        file.write(payload)


def read_state(path: Path) -> dict[str, Any]:
    """Read a state back, onto the CPU; its tuples have become lists.

    Raises:
        CheckpointError: the file is damaged, or no state.
    """
    import safetensors.torch

    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    head = len(_MAGIC) + hashlib.sha256().digest_size
    if content[: len(_MAGIC)] != _MAGIC:
        raise CheckpointError(f"{path} is not a state of this version of spikeformers.")
    payload = content[head:]
    if hashlib.sha256(payload).digest() != content[len(_MAGIC) : head]:
        raise CheckpointError(f"{path} is damaged: its content does not match its hash.")
    # A safetensors file starts with the length of its JSON header, which holds the structure.
    header = json.loads(payload[8 : 8 + int.from_bytes(payload[:8], "little")])
    structure = json.loads(header["__metadata__"][_STRUCTURE])
    state: dict[str, Any] = _put_together(structure, safetensors.torch.load(payload))
    return state


def _taken_apart(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The value as JSON; its tensors go to `tensors` and leave their name."""
    from torch import Tensor

    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"pairs": [[key, _taken_apart(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return [_taken_apart(item, tensors) for item in value]
    return value


def _put_together(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if "tensor" in value:
            return tensors[value["tensor"]]
        return {key: _put_together(item, tensors) for key, item in value["pairs"]}
    return [_put_together(item, tensors) for item in value] if isinstance(value, list) else value


def prune(directory: Path) -> None:
    """Remove all but the newest states."""
    for path in state_files(directory)[KEPT:]:
        path.unlink(missing_ok=True)
