"""Reading somebody else's tensors: a state dict, or a file that is never executed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from spikeformers.convert.baggage import stand_ins
from spikeformers.errors import CheckpointError

Source = Mapping[str, Any] | str | os.PathLike[str]

# Under which training scripts put the weights; under the last three a running mean of them, which is second choice.
_WRAPPERS = ("state_dict", "model", "net", "module", "state_dict_ema", "model_ema", "ema")
# What DistributedDataParallel, torch.compile, and modules that hold the network put before its names.
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "backbone.")
# A tensor that torch's AveragedModel adds to the weights.
_COUNTER = "n_averaged"
_DEEPEST = 8


@dataclass(frozen=True)
class Found:
    """A state dict and what it was wrapped in.

    Attributes:
        tensors: By name.
        wrapping: Keys and prefixes that were taken off, outermost first.
    """

    tensors: dict[str, Tensor]
    wrapping: tuple[str, ...]


class NoStateDict(CheckpointError):
    """What was read is whole, but holds no state dict."""


def read_tensors(source: object) -> dict[str, Tensor]:
    """Return the tensors of a state dict or checkpoint file by name; see `find_tensors`."""
    return find_tensors(source).tensors


def find_tensors(source: object) -> Found:
    """Return the tensors of a state dict or checkpoint file, and what they were wrapped in.

    Args:
        source: A state dict; or a safetensors file; or any file `torch.save` wrote (.pth, .pt, .pth.tar, ...) with a
            state dict in it, alone or under "state_dict", "model", "net" or "module" or, without these, under
            "state_dict_ema", "model_ema" or "ema". Whatever else lies beside it is left alone. The prefixes "module.",
            "_orig_mod.", "model.", "net." and "backbone." are taken off where all names have them.

    Raises:
        NoStateDict: what was read is something else.
        CheckpointError: there is no such file, it is damaged, or it would have to execute code; or the source is
            neither.
    """
    content: object = source
    where = "The state dict"
    if isinstance(source, (str, os.PathLike)):
        content, where = _read_file(Path(source)), str(source)
    elif not isinstance(source, Mapping):
        advice = "; pass model.state_dict()" if isinstance(source, nn.Module) else ""
        raise CheckpointError(
            f"Expected a state dict or the path of a checkpoint file, found a {type(source).__name__}{advice}."
        )
    content, keys = _unwrap(content)
    tensors = _checked(content, where)
    prefixes = []
    while prefix := _common_prefix(tensors):
        prefixes.append(prefix)
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name != _COUNTER}
    return Found(tensors, (*keys, *prefixes))


def is_safetensors(path: Path) -> bool:
    """Return whether a file is called a safetensors file, or begins as one: the length of its header, the header."""
    with path.open("rb") as file:
        begin = file.read(9)
    return path.suffix == ".safetensors" or (
        begin[8:] == b"{" and int.from_bytes(begin[:8], "little") <= path.stat().st_size
    )


def _read_file(path: Path) -> object:
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file.")
    try:
        if is_safetensors(path):
            return load_file(path)
        with torch.serialization.safe_globals(stand_ins()):
            return torch.load(path, map_location="cpu", weights_only=True)
    # Damaged bytes fail in as many ways as there are bytes; all of them mean the same to the user.
    except Exception as error:
        raise CheckpointError(f"{path}: {_why(error)}") from error


def _why(error: Exception) -> str:
    refused = re.search(r"GLOBAL ([\w.]+)", str(error))
    if refused:
        return (
            f"the file holds a Python object ({refused[1]}) beside its tensors. Reading that could execute code, so "
            "nothing was read. Save the state dict alone and convert that file."
        )
    return f"this is not a whole checkpoint file; it may be truncated or of another kind ({type(error).__name__})."


def _unwrap(content: object) -> tuple[object, list[str]]:
    """Return what lies under the keys of training scripts, and these keys."""
    keys: list[str] = []
    while isinstance(content, Mapping) and len(keys) < _DEEPEST:
        inner = [key for key in _WRAPPERS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        # A "model" may also be the words of a configuration.
        key = next((key for key in inner if _holds_tensors(content[key])), inner[0])
        keys.append(key)
        content = content[key]
    return content, keys


def _holds_tensors(content: Mapping[Any, Any], depth: int = 0) -> bool:
    inner = (content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping))
    return any(isinstance(value, Tensor) for value in content.values()) or (
        depth < _DEEPEST and any(_holds_tensors(each, depth + 1) for each in inner)
    )


def _checked(content: object, where: str) -> dict[str, Tensor]:
    if not isinstance(content, Mapping) or not content:
        found = "nothing" if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise NoStateDict(f"{where}: expected a state dict (names to tensors), found {found}.")
    if "param_groups" in content:
        raise NoStateDict(f"{where}: expected a state dict (names to tensors), found the state of an optimizer.")
    foreign = [str(key) for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if foreign:
        raise NoStateDict(
            f"{where}: expected a state dict (names to tensors), alone or under {' or '.join(map(repr, _WRAPPERS))}; "
            f"these entries are no tensors: {', '.join(foreign[:10])}{' ...' if len(foreign) > 10 else ''}."
        )
    return dict(content)


def _common_prefix(tensors: Mapping[str, Tensor]) -> str:
    """Return the known prefix that all names have, or ""."""
    names = [name for name in tensors if name != _COUNTER]
    return next((prefix for prefix in _PREFIXES if names and all(name.startswith(prefix) for name in names)), "")
