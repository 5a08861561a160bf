"""From a catalogue name to a model."""

from __future__ import annotations

import importlib
from typing import Any

from spikeformers import catalog
from spikeformers.errors import ConfigError
from spikeformers.models.base import SpikingModel


def list_models(pattern: str = "*") -> list[str]:
    """Catalogue names that match a pattern with * and ?."""
    return catalog.names(pattern)


def create_model(name: str, **overrides: Any) -> SpikingModel:
    """Build a model of the catalogue with fresh weights, in training mode.

    Args:
        name: a name of `list_models()`, such as "spikformer_4_384.cifar10".
        overrides: config words in place of the catalogue's.

    Raises:
        UnknownNameError: no model of that name; the nearest ones are named.
        ConfigError: an unknown word, or a value the model cannot have.
    """
    record = catalog.get(name)
    model = model_class(record.builds).from_words({**record.config, **overrides})
    model.name, model.builds, model.system, model.variant = record.name, record.builds, record.system, record.variant
    return model


def model_class(builds: str) -> type[SpikingModel]:
    """The class that "module:Class" names.

    Raises:
        ConfigError: there is no such module or class, or it is no SpikingModel.
    """
    module_name, _, class_name = builds.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"cannot find {builds!r} (expected 'module:Class' on the import path): {error}.") from error
    if not (isinstance(found, type) and issubclass(found, SpikingModel)):
        raise ConfigError(f"{builds!r} must be a subclass of spikeformers.models.SpikingModel, got {found!r}.")
    return found


def known_builds() -> set[str]:
    """Every "module:Class" the catalogue names: the classes a checkpoint may ask for."""
    return {catalog.get(name).builds for name in catalog.names()}
