"""Official checkpoint -> model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from spikeformers import catalog
from spikeformers.catalog import official
from spikeformers.catalog.official import Form
from spikeformers.convert.check import contradictions, disagreements, problems, report, shortened
from spikeformers.convert.source import Source, read_tensors
from spikeformers.convert.translate import Translation, translate, words_likely, words_shown
from spikeformers.convert.wording import config_words
from spikeformers.errors import CheckpointError, ConfigError
from spikeformers.models import SpikingModel, model_class


def load_official(source: Source, system: str, variant: str, config: Mapping[str, Any] | None = None) -> SpikingModel:
    """Build a model from the authors' weights.

    Their files name neither the form nor the heads, time steps and constants of the neurons: say what you know.

    Args:
        source: A state dict under the authors' names; or a safetensors file; or a file of `torch.save` (.pth, .pt,
            .pth.tar) with such a state dict, alone or wrapped as training scripts do (see
            `convert.source.find_tensors`). It is never unpickled as code.
        system: One of `catalog.official.systems()`, such as "spikformer", "sdt_v1" or "meta_spikeformer".
        variant: The released form, such as "cifar" or "imagenet"; `convert.inspect` proposes system and form.
        config: Configuration words, or what the authors' configurations call otherwise. Words that the tensors show
            (dim or dims, depth, mlp_ratio, in_channels, num_classes, ...) may be left out; all others are those of
            the form (see `catalog.variant`).

    Returns:
        The model in eval mode, on the CPU, in the floating point type of the tensors. What the authors' files carry in
        vain (norms and position tables their models never use) is left behind; norms whose counters of batches are
        missing count from 0.

    Raises:
        UnknownNameError: no such system or form.
        ConfigError: a configuration word is unknown, of the wrong type, or contradicts another.
        CheckpointError: the file cannot be read, or its tensors, constants among them such as the thresholds TIM's
            neurons keep, disagree with the form or the configuration; the message names them.
    """
    form = official.form(system, variant)
    known = {field.name for field in fields(model_class(catalog.variant(system, variant).builds).Config)}
    given = config_words(config, form, known)
    tensors = read_tensors(source)
    translation = translate(tensors, form)
    if not translation.tensors:
        raise CheckpointError(report(form, {"unexpected": translation.unexpected}, tensors))
    model = _build(form, _complete(given, translation, form, tensors), given)
    _start_counters(translation, model)
    found = problems(translation, form, model)
    if found:
        raise CheckpointError(report(form, found, tensors))
    if wrong := contradictions(translation, model):
        forms = " or ".join(repr(form.variant) for form in official.forms(system))
        raise CheckpointError(
            f"The file keeps constants beside its weights that are not those of this config: {shortened(wrong)}. "
            f"Name the variant it belongs to ({forms}), or the words of its config."
        )
    model.to(_floating_type(translation.tensors.values()))
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    model.load_state_dict({name: tensor.reshape(shapes[name]) for name, tensor in translation.tensors.items()})
    model.system, model.variant = system, variant
    return model.eval()


def _complete(
    config: Mapping[str, Any], translation: Translation, form: Form, tensors: Mapping[str, Tensor]
) -> dict[str, Any]:
    """Add to the user's words those the tensors show, and those of the form where neither says anything."""
    released = catalog.variant(form.system, form.variant).config
    shown = words_shown(translation, form, said={**released, **config})
    likely = words_likely(translation, form, said=config)
    wrong = disagreements(config, shown)
    if wrong:
        raise CheckpointError(f"{'; '.join(wrong)}. Leave these words out, or convert the file they belong to.")
    words = {**released, **likely, **shown, **config}
    # Without these sizes there is no model to compare the tensors with.
    hidden = [place.tensor for word, places in form.places() for place in places if word not in words]
    if hidden:
        names = [translation.official_name(name, form) for name in sorted(set(hidden))]
        found = {"missing or without its dimensions": names, "unexpected": translation.unexpected}
        raise CheckpointError(report(form, found, tensors))
    return words


def _build(form: Form, words: Mapping[str, Any], given: Mapping[str, Any]) -> SpikingModel:
    build = model_class(catalog.variant(form.system, form.variant).builds).from_words
    try:
        # The random weights it starts from are thrown away, so they must not cost the caller random numbers.
        with torch.random.fork_rng(devices=[]):
            return build(words)
    except ConfigError as error:
        assumed = ", ".join(f"{word} = {value}" for word, value in words.items() if word not in given)
        raise ConfigError(
            f"{error} Not in your config, so taken from the tensors or from {form.system}/{form.variant}: {assumed}."
        ) from error


def _start_counters(translation: Translation, model: SpikingModel) -> None:
    """Let the batches of a norm count from 0 where the file, by an old torch or made by hand, has no counters."""
    for name, buffer in model.named_buffers():
        if name.endswith(".num_batches_tracked"):
            translation.tensors.setdefault(name, torch.zeros_like(buffer))


def _floating_type(tensors: Iterable[Tensor]) -> torch.dtype:
    """Return the type that holds all these tensors; counters do not matter."""
    return reduce(torch.promote_types, (tensor.dtype for tensor in tensors if tensor.is_floating_point()))
