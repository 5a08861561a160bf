"""Whether a model still is the released form it claims to be."""

from __future__ import annotations

import torch

from spikeformers import catalog
from spikeformers.catalog import official
from spikeformers.catalog.official import Form
from spikeformers.convert.check import shortened
from spikeformers.convert.translate import official_name
from spikeformers.errors import CheckpointError
from spikeformers.models import SpikingModel, model_class


def require_whole(model: SpikingModel, form: Form) -> None:
    """Refuse a model whose configuration words were changed until it lacks tensors of its form.

    Raises:
        CheckpointError: naming the tensors, the words, and the forms that do fit.
    """
    released = _build(form, model)
    own = model.state_dict().keys()
    missing = [name for name in released.state_dict() if name not in own]
    if not missing:
        return
    modules = form.names(form.count_ours(own))
    names = shortened([official_name(name, modules) for name in missing])
    config = model.config.to_dict()
    words = [
        f"{word} {config[word]!r} (there: {value!r})"
        for word, value in released.config.to_dict().items()
        if config.get(word, value) != value
    ]
    fitting = [repr(f.variant) for f in official.forms(form.system) if _build(f, model).state_dict().keys() == own]
    choice = f"Set model.variant = {' or '.join(fitting)}, or save" if fitting else "Save"
    raise CheckpointError(
        f"This model is not the form {form.variant!r} of {form.system!r}: it lacks {len(missing)} of that form's "
        f"tensors: {names}. Its config differs in {', '.join(words) or 'no word'}. "
        f"{choice} this model with spikeformers.save instead."
    )


def _build(form: Form, model: SpikingModel) -> SpikingModel:
    """Return the form as it was released, but in the sizes of the model; its tensors have no values."""
    variant = catalog.variant(form.system, form.variant)
    words = model.config.to_dict()
    sizes = {word: words[word] for word in ("heads", *form.shown_words) if word in words}
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return model_class(variant.builds).from_words({**variant.config, **sizes})
