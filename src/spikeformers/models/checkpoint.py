"""Checkpoints: safetensors whose header holds the format version, the model's name, class, config and provenance.

A file alone rebuilds its model. The header is one JSON text under the key "spikeformers" of the safetensors metadata.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from spikeformers.errors import CheckpointError, ConfigError, UnknownNameError
from spikeformers.files import atomic_write
from spikeformers.models.base import Fused, SpikingModel
from spikeformers.models.fusion import fuse
from spikeformers.models.registry import known_builds, model_class

FORMAT = 1
_KEY = "spikeformers"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a checkpoint says about itself.

    Args:
        format: version of this layout.
        name: catalogue name, or None for a model built from a config of its own.
        builds: "module:Class" of the model.
        system, variant: the published system and form whose official names it has, or None.
        config: every config word.
        provenance: whatever the writer adds: recipe, data set, seed, accuracy.
        fused: what is folded into the weights (see `models.fuse`); the file says so only where something is.
    """

    format: int
    name: str | None
    builds: str
    system: str | None
    variant: str | None
    config: dict[str, Any]
    provenance: dict[str, Any] = field(default_factory=dict)
    fused: Fused | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it is written; what most files have nothing to say about is left out."""
        words = asdict(self)
        return words if self.fused else {word: value for word, value in words.items() if word != "fused"}


def save(model: nn.Module, path: str | os.PathLike[str], *, provenance: Mapping[str, Any] | None = None) -> None:
    """Write a model's weights and description; the file at `path` is replaced only once the new one is complete.

    Args:
        model: the model, on any device, also one that torch.compile or DistributedDataParallel has wrapped.
        path: usually ends in .safetensors.
        provenance: JSON-able facts to keep with it.

    Raises:
        CheckpointError: the model is not what its config describes, so that no file could bring it back; or the file
            could not be written. What was there before is untouched.
    """
    model = _unwrapped(model)
    wrong = _disagreements(_described(type(model), model.config.to_dict(), model.fused), model.state_dict())
    if wrong:
        raise CheckpointError(
            f"this {type(model).__name__} is not what its config describes: {wrong}. It was altered after it was "
            "built; build it with the config words you need, or keep its tensors alone with torch.save."
        )
    header = Header(
        format=FORMAT,
        name=model.name,
        builds=model.builds,
        system=model.system,
        variant=model.variant,
        config=model.config.to_dict(),
        provenance=dict(provenance or {}),
        fused=model.fused,
    )
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    content = safetensors.torch.save(tensors, {_KEY: json.dumps(header.to_dict())})
    try:
        with atomic_write(path) as file:
            file.write(content)
    except OSError as error:
        need = f"free {math.ceil(len(content) / 2**20)} MiB or " if error.errno == errno.ENOSPC else ""
        raise CheckpointError(
            f"could not write {path}: {error.strerror or error}. Nothing that was there before is lost; "
            f"{need}choose another place."
        ) from error


def read_header(path: str | os.PathLike[str]) -> Header:
    """What a checkpoint says about itself, without reading its weights.

    Raises:
        CheckpointError: no such file, a damaged one, or one this library did not write.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error
    if _KEY not in metadata:
        raise CheckpointError(
            f"{path} is a safetensors file, but not a spikeformers checkpoint (its header lacks the key {_KEY!r}). "
            "For a file of the papers' authors use spikeformers.convert.load_official."
        )
    try:
        return _parse(path, metadata[_KEY])
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"the header of {path} is damaged ({error}); restore the file from a copy.") from error


def load(path: str | os.PathLike[str]) -> SpikingModel:
    """Rebuild the model a checkpoint describes, in eval mode, on the CPU, in the dtype it was saved in.

    Raises:
        CheckpointError: an unreadable or foreign file, an unknown class, or tensors that disagree with the config.
    """
    header, kind, tensors = read_checkpoint(path)
    # The random weights it starts from are thrown away, so they must not cost the caller random numbers.
    with torch.random.fork_rng(devices=[]):
        model = _built(kind, header.config, header.fused)
    model.load_state_dict(tensors, assign=True)
    model.name, model.builds, model.system, model.variant = header.name, header.builds, header.system, header.variant
    return model.eval()


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[Header, type[SpikingModel], dict[str, Tensor]]:
    """A checkpoint's header, the class it names, and its tensors, which are those the header's config describes.

    Raises:
        CheckpointError: as `load`.
    """
    header = read_header(path)
    if header.builds not in known_builds():
        raise CheckpointError(
            f"{path} holds a model of class {header.builds!r}, which no catalogue names; "
            "if you trust it, add its catalogue file with spikeformers.catalog.add first."
        )
    try:
        tensors = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error
    try:
        kind = model_class(header.builds)
        wrong = _disagreements(_described(kind, header.config, header.fused), tensors)
        if wrong:
            raise CheckpointError(
                f"the config of {path} disagrees with its tensors: {wrong}. "
                "The file was altered after it was written; restore it from a copy."
            )
    except (ConfigError, UnknownNameError) as error:
        raise CheckpointError(f"the config in {path} cannot be built: {error}") from error
    return header, kind, tensors


def _parse(path: str | os.PathLike[str], text: str) -> Header:
    fields = json.loads(text)
    # Before anything else: a later format may have other fields.
    if fields["format"] > FORMAT:
        raise CheckpointError(
            f"{path} has format {fields['format']}, this version reads up to {FORMAT}; update spikeformers."
        )
    header = Header(**fields)
    nothing = type(None)
    kinds = {"name": (str, nothing), "builds": (str,), "system": (str, nothing), "variant": (str, nothing)}
    for word, kind in {**kinds, "config": (dict,), "provenance": (dict,)}.items():
        if not isinstance(getattr(header, word), kind):
            raise TypeError(f"{word} is {getattr(header, word)!r}")
    if header.fused not in (None, *get_args(Fused)):
        raise TypeError(f"fused is {header.fused!r}")
    return header


def _unreadable(path: str | os.PathLike[str], error: Exception) -> CheckpointError:
    if not Path(path).exists():
        return CheckpointError(f"there is no file {path}.")
    if Path(path).is_dir():
        return CheckpointError(f"{path} is a directory; name a .safetensors file in it.")
    size = Path(path).stat().st_size
    return CheckpointError(
        f"{path} ({size} bytes) is truncated or not a safetensors file: {error}. Copy it again from its source."
    )


def _unwrapped(model: nn.Module) -> SpikingModel:
    """The model inside what torch.compile and DistributedDataParallel put around it."""
    while not isinstance(model, SpikingModel):
        inner = getattr(model, "_orig_mod", None) or getattr(model, "module", None)
        if not isinstance(inner, nn.Module):
            raise CheckpointError(f"only a SpikingModel describes itself in a checkpoint, got {type(model).__name__}.")
        model = inner
    return model


def _built(kind: type[SpikingModel], config: Mapping[str, Any], fused: Fused | None) -> SpikingModel:
    """A model of that config with fresh weights, fused as asked."""
    model = kind.from_words(config)
    return model if fused is None else fuse(model, rep_conv=fused == "rep_conv")[0]


def _described(kind: type[SpikingModel], config: Mapping[str, Any], fused: Fused | None) -> dict[str, Tensor]:
    """The tensors of that model, without the memory they would take."""
    with torch.device("meta"):
        return _built(kind, config, fused).state_dict()


def _disagreements(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """What is missing, foreign or of another shape, up to five of them; "" when nothing is."""
    wrong = [f"{name} is missing" for name in expected if name not in found]
    wrong += [f"{name} is not part of the model" for name in found if name not in expected]
    wrong += [
        f"{name} is {_form(found[name])}, the config says {_form(tensor)}"
        for name, tensor in expected.items()
        if name in found and _form(found[name]) != _form(tensor)
    ]
    types = sorted({str(tensor.dtype) for tensor in found.values() if tensor.is_floating_point()})
    if len(types) > 1:
        wrong.append(f"its tensors are of several types, {' and '.join(types)}")
    more = f", and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return "; ".join(wrong[:5]) + more


def _form(tensor: Tensor) -> str:
    return f"{list(tensor.shape)}" if tensor.is_floating_point() else f"{list(tensor.shape)} of integers"
