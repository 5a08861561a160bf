"""Words of a recipe that are changed from outside, one `key=value` at a time."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from spikeformers.errors import ConfigError
from spikeformers.train.recipe import Recipe, load_recipe


def load_changed(
    name_or_path: str | Path, settings: Iterable[str] = (), *, seed: int | None = None, epochs: int | None = None
) -> Recipe:
    """Load a recipe with some words changed; a paper's accuracy stays with it only where the seed alone is another.

    Args:
        settings: texts such as "schedule.epochs=400" or "model.config.time_steps=10".
        seed, epochs: as in `Recipe.adjusted`.

    Raises:
        UnknownNameError: there is no such recipe.
        ConfigError: a text that is no `key=value`, an unknown key, or a value of the wrong type.
    """
    changes = nested(settings)
    loaded = load_recipe(name_or_path, **changes)
    recipe = loaded.adjusted(seed=seed, epochs=epochs)
    same = changes.keys() <= {"seed"} and recipe.schedule == loaded.schedule
    return recipe if same else replace(recipe, paper=None)


def nested(settings: Iterable[str]) -> dict[str, Any]:
    """Return the settings as the nested tables of a recipe; the last one of a key counts.

    >>> nested(["seed=1", "model.name=spikformer_2_64.digits", "model.config.time_steps=2"])
    {'seed': 1, 'model': {'name': 'spikformer_2_64.digits', 'config': {'time_steps': 2}}}
    """
    pairs = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not (equals and all(word.strip() for word in key.split("."))):
            raise ConfigError(f"{setting!r} changes no word. Expected KEY=VALUE, for example schedule.epochs=400.")
        pairs.append((key, _value(text.strip())))
    return tables(pairs)


def tables(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return dotted keys and their values as nested tables; the last one of a key counts.

    Raises:
        ConfigError: a key that is a table for another key has a value as well.
    """
    whole: dict[str, Any] = {}
    for key, value in pairs:
        *path, last = (word.strip() for word in key.split("."))
        table = whole
        for word in path:
            table = table.setdefault(word, {})
            if not isinstance(table, dict):
                raise ConfigError(f"{key}: {word} is given a value of its own as well. Leave one of them out.")
        table[last] = value
    return whole


def _value(text: str) -> object:
    """A value as TOML writes it; what TOML does not understand is a text without its quotes."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if len(table) == 1 else text
