"""Fine-tuning: a checkpoint's weights in a model whose words differ, and parts of it that stay as they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spikeformers import catalog
from spikeformers.errors import CheckpointError, ConfigError, suggest
from spikeformers.layers import Neuron, Unused
from spikeformers.models.base import SpikingModel
from spikeformers.models.checkpoint import Header, read_checkpoint

_HEAD = "head."


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What a model took over.

    Args:
        copied: number of tensors that came from the checkpoint.
        fresh: names of the tensors that did not.
    """

    copied: int
    fresh: tuple[str, ...]


def adapt(
    path: str | os.PathLike[str], *, num_classes: int | None = None, fresh_head: bool = False, **overrides: Any
) -> tuple[SpikingModel, Transfer]:
    """Build the model of a checkpoint with other config words, and give it the checkpoint's weights.

    Words that no tensor depends on may change freely: image_size, time_steps, encoder, drop_path, the neuron and its
    words. The head (`head.*`) is fresh where its shape changed; so are the learned time constants of a neuron that had
    none before. Fresh weights are drawn from PyTorch's global generator: seed it first.

    Args:
        path: the checkpoint.
        num_classes: classes of the new head; None keeps the number.
        fresh_head: a new head also where its shape fits, for other classes of the same number.
        overrides: other config words in place of the checkpoint's.

    Returns:
        The model, in training mode, on the CPU, in the checkpoint's dtype, and what was copied. It keeps the catalogue
        name only while its config is the catalogue's.

    Raises:
        CheckpointError: as `load`; or a fused model; or a tensor outside the head that has another shape or no place in
            the new model, with the words that cannot change.
        ConfigError: an unknown word, or a value the model cannot have.
    """
    header, kind, tensors = read_checkpoint(path)
    if header.fused is not None:
        raise CheckpointError(
            f"{path} holds a fused model, whose norms are gone; adapt the checkpoint of the model it was fused from."
        )
    if num_classes is not None:
        overrides["num_classes"] = num_classes
    model = kind.from_words({**header.config, **overrides})
    wrong = _misfits(model, tensors)
    if wrong:
        raise CheckpointError(_explain(path, wrong, header, model, tensors))
    model.to(next(tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()))
    state = model.state_dict()
    kept = {
        name: tensors[name]
        for name, tensor in state.items()
        if name in tensors and tensors[name].shape == tensor.shape and not (fresh_head and name.startswith(_HEAD))
    }
    model.load_state_dict({**state, **kept})
    model.builds, model.system, model.variant = header.builds, header.system, header.variant
    model.name = header.name if _as_catalogued(header.name, model) else None
    return model, Transfer(copied=len(kept), fresh=tuple(name for name in state if name not in kept))


def freeze(model: SpikingModel, prefixes: Sequence[str]) -> None:
    """Keep parts of a model as they are: no gradient, and eval mode whatever mode the model is in.

    In eval mode norms use their running statistics and leave them alone, and stochastic depth drops nothing. What is
    frozen is no part of a checkpoint: freeze again after loading.

    Args:
        model: the model.
        prefixes: names of its modules, such as "tokenizer" or "blocks.0"; they add to what is frozen already.

    Raises:
        ConfigError: no module of that name holds parameters, or nothing would be left to train.
    """
    known = [name for name, module in model.named_modules() if name and next(module.parameters(), None) is not None]
    for prefix in prefixes:
        if prefix not in known:
            raise ConfigError(
                f"cannot freeze {prefix!r}: {type(model).__name__} has no module of that name with parameters."
                f"{suggest(prefix, known)}"
            )
    frozen = tuple(dict.fromkeys((*model.frozen, *prefixes)))
    parameters = {parameter for name in frozen for parameter in model.get_submodule(name).parameters()}
    if parameters.issuperset(model.parameters()):
        raise ConfigError(
            f"freezing {', '.join(frozen)} leaves no parameter to train; leave out one, such as the head."
        )
    for parameter in parameters:
        parameter.requires_grad_(False)
    model.frozen = frozen
    model.train(model.training)


def _misfits(model: SpikingModel, tensors: Mapping[str, Tensor]) -> list[str]:
    """Tensors of model or file, outside the head, that the other does not have in that shape."""
    state = model.state_dict()
    may_be_fresh = (
        _HEAD,
        *(f"{name}." for name, module in model.named_modules() if isinstance(module, Neuron | Unused)),
    )
    wrong = []
    for name, tensor in state.items():
        if name not in tensors and not name.startswith(may_be_fresh):
            wrong.append(f"{name} is missing")
        elif name in tensors and tensors[name].shape != tensor.shape and not name.startswith(_HEAD):
            wrong.append(f"{name} is {list(tensors[name].shape)}, the model needs {list(tensor.shape)}")
    foreign = (name for name in tensors if name not in state and not name.startswith(_HEAD))
    return wrong + [f"{name} has no place in the model" for name in foreign]


def _explain(
    path: str | os.PathLike[str], wrong: list[str], header: Header, model: SpikingModel, tensors: Mapping[str, Tensor]
) -> str:
    before, after = model.Config.from_words(header.config).to_dict(), model.config.to_dict()
    changed = [word for word in after if after[word] != before[word]]
    binding = [word for word in changed if _binds(word, after[word], header, type(model), tensors)] or changed
    words = ", ".join(f"{word} ({before[word]} in the file, {after[word]} asked for)" for word in binding)
    more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return (
        f"the weights of {path} do not fit: {'; '.join(wrong[:5])}{more}. The shapes follow from words that cannot "
        f"change: {words}. Leave them as in the file, or train a new model."
    )


def _binds(word: str, value: object, header: Header, kind: type[SpikingModel], tensors: Mapping[str, Tensor]) -> bool:
    """Whether this word alone makes the weights misfit; one that alone gives no model tells nothing."""
    try:
        with torch.device("meta"):
            return bool(_misfits(kind.from_words({**header.config, word: value}), tensors))
    except ConfigError:
        return False


def _as_catalogued(name: str | None, model: SpikingModel) -> bool:
    return name in catalog.names() and model.Config.from_words(catalog.get(name).config) == model.config
