"""Whether a model still is the released form it claims to be."""

from __future__ import annotations

from typing import Any

import torch

from spikeformers import catalog
from spikeformers.catalog import official
from spikeformers.catalog.official import Form
from spikeformers.convert.check import shortened
from spikeformers.convert.translate import official_name
from spikeformers.errors import CheckpointError
from spikeformers.layers.words import meaning
from spikeformers.models import SpikingModel, model_class

# What no tensor shows and yet makes another network: a file of the form would be read back as something else.
_STRUCTURE = (
    "ann",
    "neuron",
    "norm",
    "shortcut",
    "attention",
    "interaction",
    "dynamic_steps",
    "skips",
    "keep_tokens",
    "token_attention",
    "local_attention",
    "form",
    "head",
    "projection",
    "tokenizer",
    "pool_before_neuron",
    "dvs_mode",
)


def require_whole(model: SpikingModel, form: Form) -> None:
    """Refuse a model whose configuration words were changed until it is not the network of its form.

    Raises:
        CheckpointError: naming what is missing, the words, and the forms that do fit.
    """
    released = _build(form, model)
    own = model.state_dict()
    missing = [name for name in released.state_dict() if name not in own]
    if not missing and _same_structure(model, released, form):
        return
    own, theirs = model.config.to_dict(), released.config.to_dict()
    words = [
        f"{word} {own[word]!r} (there: {value!r})"
        for word, value in theirs.items()
        if word in own and not _same(word, model, released)
    ]
    fitting = [repr(f.variant) for f in official.forms(form.system) if _fits(model, _build(f, model), f)]
    choice = f"Set model.variant = {' or '.join(fitting)}, or save" if fitting else "Save"
    raise CheckpointError(
        f"This model is not the form {form.variant!r} of {form.system!r}{_lacking(model, form, missing)}. "
        f"Its config differs in {', '.join(words) or 'no word'}. "
        f"{choice} this model with spikeformers.save instead."
    )


def _lacking(model: SpikingModel, form: Form, missing: list[str]) -> str:
    if not missing:
        return ""
    modules = form.names(form.count_ours(model.state_dict()))
    names = shortened([official_name(name, modules) for name in missing])
    return f": it lacks {len(missing)} of that form's tensors: {names}"


def _fits(model: SpikingModel, released: SpikingModel, form: Form) -> bool:
    return _same_structure(model, released, form) and released.state_dict().keys() == model.state_dict().keys()


def _same_structure(model: SpikingModel, released: SpikingModel, form: Form) -> bool:
    return all(_same(word, model, released) for word in (*_STRUCTURE, *form.depths))


def _same(word: str, model: SpikingModel, released: SpikingModel) -> bool:
    """Return whether a configuration word says the same in both, options left out being what they are by default."""
    own, theirs = (each.config.to_dict().get(word) for each in (model, released))
    if own is None or theirs is None or word not in (registries := model.config.word_registries()):
        return bool(own == theirs)
    parts, _ = registries[word]
    return meaning(own, parts) == meaning(theirs, parts)


def _build(form: Form, model: SpikingModel) -> SpikingModel:
    """Return the form as it was released, but in the sizes of the model; its tensors have no values."""
    variant = catalog.variant(form.system, form.variant)
    words = {word: value for word, value in model.config.to_dict().items() if word not in _STRUCTURE}
    words |= {word: _with_fixed(depths, words[word]) for word, depths in form.depths.items()}
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return model_class(variant.builds).from_words({**variant.config, **words})


def _with_fixed(depths: str | int | tuple[str | int, ...], own: Any) -> Any:
    """Return a model's depth, or list of them, with the numbers that the form fixes in their places."""
    if isinstance(depths, int):
        return depths
    if isinstance(depths, tuple) and len(depths) == len(own):
        return [fixed if isinstance(fixed, int) else mine for fixed, mine in zip(depths, own, strict=True)]
    return own
