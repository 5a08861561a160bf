"""Reading somebody else's tensors: a state dict, or a file that is never executed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from spikeformers.convert.baggage import stand_ins
from spikeformers.errors import CheckpointError

Source = Mapping[str, Any] | str | os.PathLike[str]

# Where the authors' training scripts put the weights: timm's under the first, the others' under the second.
# "state_dict_ema" holds the running mean of the weights; the weights themselves come first.
_WRAPPERS = ("state_dict", "model", "state_dict_ema")
_PREFIXES = ("module.", "_orig_mod.")


def read_tensors(source: object) -> dict[str, Tensor]:
    """Return the tensors of a state dict or checkpoint file by name.

    Args:
        source: A state dict; or a .safetensors file; or any file `torch.save` wrote (.pth, .pt, .pth.tar, ...) with
            a state dict in it, alone or under "state_dict", "model" or, without these, "state_dict_ema". The prefixes
            "module." of DistributedDataParallel and "_orig_mod." of torch.compile are taken off.

    Raises:
        CheckpointError: there is no such file, it is damaged, it would have to execute code, or holds no state dict; or
            the source is something else.
    """
    if isinstance(source, Mapping):
        tensors = _unwrap(source, "The state dict")
    elif isinstance(source, (str, os.PathLike)):
        tensors = _unwrap(_read_file(Path(source)), str(source))
    else:
        advice = "; pass model.state_dict()" if isinstance(source, nn.Module) else ""
        raise CheckpointError(
            f"Expected a state dict or the path of a checkpoint file, found a {type(source).__name__}{advice}."
        )
    while prefix := next((prefix for prefix in _PREFIXES if all(name.startswith(prefix) for name in tensors)), ""):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _read_file(path: Path) -> object:
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file.")
    try:
        if path.suffix == ".safetensors":
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
