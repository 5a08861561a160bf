"""Which released forms a set of tensors can belong to, by names and shapes alone."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from spikeformers import catalog
from spikeformers.catalog import official
from spikeformers.catalog.official import Form, Place
from spikeformers.convert.check import has_all_names, problems
from spikeformers.convert.translate import Translation, split, translate, words_likely, words_shown
from spikeformers.errors import ConfigError
from spikeformers.models import SpikingModel, model_class

# Kinds of what does not fit, besides those of `check.problems`.
CONTRADICTORY = "contradictory sizes"
FLAT = "without their dimensions"

_COUNTER = ".num_batches_tracked"


@dataclass
class Match:
    """Tensors laid beside one form.

    Attributes:
        form: The form.
        translation: The tensors under our names.
        shown: Words that the tensors show.
        words: Every configuration word: those shown, likely ones, and else those of the form or of the closest model
            published in it. Where such a number of heads cannot be, it is the next smaller one that can.
        model: The model of these words, without values; of the form's own sizes where there is none.
        wrong: What does not fit, by kind; nothing where the tensors can be a model of this form.
    """

    form: Form
    translation: Translation
    shown: dict[str, Any]
    words: dict[str, Any]
    model: SpikingModel
    wrong: dict[str, list[str]]

    @property
    def differences(self) -> int:
        """The number of names that do not fit."""
        return sum(map(len, self.wrong.values()))

    @property
    def shared(self) -> int:
        """The number of tensors whose names the form has."""
        state = self.model.state_dict()
        return sum(name in state for name in self.translation.tensors)

    @property
    def assumed(self) -> dict[str, Any]:
        """The words that tensors do not show for certain, with the values taken for them."""
        return {word: value for word, value in self.words.items() if word not in self.shown}

    @cached_property
    def evidence(self) -> tuple[bool, bool, bool]:
        """Whether the form is known with these channels, with these classes too, and in all sizes shown."""
        known = _known(self.form)
        sizes = [word for word in self.shown if any(word in config for config in known)]

        def has(*words: str) -> bool:
            return any(all(config.get(word) == self.shown.get(word) for word in words) for config in known)

        return has("in_channels"), has("in_channels", "num_classes"), has(*sizes)

    @property
    def under_present_names(self) -> bool:
        """Whether no tensor has a name of an older version of the authors' code."""
        former = self.form.former_names(self.translation.counts)
        return not any(split(name)[0] in former for name in self.translation.given.values())


def matches(tensors: Mapping[str, Tensor]) -> list[Match]:
    """Return every form that the tensors can belong to, the likeliest first."""
    pairs = [(form, translate(tensors, form)) for form in official.every_form()]
    tried = [match(form, translation) for form, translation in pairs if has_all_names(translation)]
    fitting = [found for found in tried if not found.wrong]
    return sorted(fitting, key=lambda found: (found.evidence, found.under_present_names), reverse=True)


def nearest(tensors: Mapping[str, Tensor]) -> Match | None:
    """Return the form that shares most names with the tensors; None where none shares any."""
    pairs = [(form, translate(tensors, form)) for form in official.every_form()]
    most = max(_known_names(translation) for _, translation in pairs)
    tried = [match(form, translation) for form, translation in pairs if _known_names(translation) == most > 0]
    return min((found for found in tried if found.shared), key=lambda found: found.differences, default=None)


def _known_names(translation: Translation) -> int:
    """Names that a form has, those its files carry in vain included."""
    return len(translation.tensors) + len(translation.unused)


def match(form: Form, translation: Translation) -> Match:
    """Lay translated tensors beside a form."""
    released = catalog.variant(form.system, form.variant)
    kind = model_class(released.builds)
    shown = words_shown(translation, form, said=released.config)
    words = {**_closest(form, shown), **words_likely(translation, form, said={}), **shown}
    wrong: dict[str, list[str]] = {}
    try:
        words = _possible(words, kind, shown)
        model = _empty(kind, words)
    except ConfigError as error:
        wrong[CONTRADICTORY] = [str(error)]
        # Of whatever size, the form still has its names.
        model = _empty(kind, {**released.config, **{w: v for w, v in shown.items() if w in form.depths}})
    found = wrong | problems(translation, form, model, values=False)
    hidden = [place for word, places in form.places() for place in places if word not in shown]
    if flat := [translation.given[place.tensor] for place in hidden if _is_flat(place, translation)]:
        found[FLAT] = flat
    if (hidden or wrong) and len(found) > 1:
        found.pop("of another shape", None)  # than what?
    if not _counted(translation):  # by an old torch, which had no counters
        found["missing"] = [name for name in found.get("missing", []) if not name.endswith(_COUNTER)]
    return Match(form, translation, shown, words, model, {kind: names for kind, names in found.items() if names})


def _empty(kind: type[SpikingModel], words: Mapping[str, Any]) -> SpikingModel:
    """Build a model whose tensors have no values."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return kind.from_words(words)


def _known(form: Form) -> list[dict[str, Any]]:
    """Return the configurations that are known of a form: its own, then those of the models that were published.

    All are as released: what new models correct, files of the authors were not trained with.
    """
    records = [record for record in map(catalog.get, catalog.names()) if record.system == form.system]
    published = [
        r for r in records if r.variant == form.variant and (r.published or r.published_parameters is not None)
    ]
    released = catalog.variant(form.system, form.variant)
    faults = {word: released.config[word] for word in released.corrected}
    return [released.config, *({**record.config, **faults} for record in published)]


def _closest(form: Form, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known configuration that has most in common with the words shown, channels and classes before all."""

    def common(config: Mapping[str, Any]) -> tuple[bool, bool, int]:
        equal = {word for word, value in shown.items() if config.get(word) == value}
        return "in_channels" in equal, "num_classes" in equal, len(equal)

    return max(_known(form), key=common)


def _is_flat(place: Place, translation: Translation) -> bool:
    tensor = translation.tensors.get(place.tensor)
    needed = max(place.dimension, place.base if isinstance(place.base, int) else 0)
    return tensor is not None and tensor.dim() <= needed


def _counted(translation: Translation) -> bool:
    return any(name.endswith(_COUNTER) for name in translation.tensors)


def _possible(words: Mapping[str, Any], kind: type[SpikingModel], shown: Container[str]) -> dict[str, Any]:
    """Return words of which there is a model: as they are, or with the next smaller number of heads.

    Raises:
        ConfigError: there is none.
    """
    heads = words.get("heads", 0)
    tried = [{**words, "heads": number} for number in range(heads, 0, -1) if "heads" not in shown] or [dict(words)]
    for each in tried[:-1]:
        try:
            kind.Config.from_words(each)
        except ConfigError:
            continue
        return each
    kind.Config.from_words(tried[-1])
    return tried[-1]
