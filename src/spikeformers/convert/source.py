"""Reading somebody else's tensors: a state dict, or a file that is never executed."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from spikeformers.errors import CheckpointError

Source = Mapping[str, Any] | str | os.PathLike[str]

# Where the authors' training scripts put the weights: timm's under the first, the others' under the second.
_WRAPPERS = ("state_dict", "model")
_DATA_PARALLEL = "module."


def read_tensors(source: Source) -> dict[str, Tensor]:
    """Return the tensors of a state dict or checkpoint file by name.

    Args:
        source: A state dict; or a .safetensors file; or any file `torch.save` wrote (.pth, .pt, .pth.tar, ...) with
            a state dict in it, alone or under "state_dict" or "model". The prefix "module." of
            DistributedDataParallel is taken off.

    Raises:
        CheckpointError: there is no such file, it is damaged, it would have to execute code, or holds no state dict.
    """
    content = source if isinstance(source, Mapping) else _read_file(Path(source))
    where = "The state dict" if isinstance(source, Mapping) else str(source)
    tensors = _unwrap(content, where)
    if all(name.startswith(_DATA_PARALLEL) for name in tensors):
        return {name.removeprefix(_DATA_PARALLEL): tensor for name, tensor in tensors.items()}
    return tensors


def _read_file(path: Path) -> object:
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        # The scripts save their command-line arguments beside the weights: a class without behaviour.
        with torch.serialization.safe_globals([argparse.Namespace]):
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


def _unwrap(content: object, where: str) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping) or not content:
        found = "nothing" if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise CheckpointError(f"{where}: expected a state dict (names to tensors), found {found}.")
    foreign = [str(key) for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if foreign:
        raise CheckpointError(
            f"{where}: expected a state dict (names to tensors), alone or under {' or '.join(map(repr, _WRAPPERS))}; "
            f"these entries are no tensors: {', '.join(foreign[:10])}{' ...' if len(foreign) > 10 else ''}."
        )
    return dict(content)
