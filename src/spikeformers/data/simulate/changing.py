"""Scenes with some of their numbers changed by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from spikeformers.errors import ConfigError, suggest

Described = TypeVar("Described")


def changed(described: Described, words: Mapping[str, Any], inside: str = "") -> Described:
    """Return a frozen dataclass with other numbers, those of dataclasses inside it as tables.

    `changed(NMNIST, {"pixels": {"leak_rate": 0.1}})` is NMNIST with another leak.

    Args:
        inside: what the names of this dataclass begin with, in messages.

    Raises:
        ConfigError: there is no such word, it is no number, or the number is not finite, not whole where it must be, or
            out of its range.
    """
    assert is_dataclass(described)
    assert not isinstance(described, type)
    known = [each.name for each in fields(described)]
    values: dict[str, Any] = {}
    for word, given in words.items():
        if word not in known:
            raise ConfigError(
                f"There is no {inside}{word} in what is simulated.{suggest(word, known)} Known are: "
                f"{', '.join(inside + name for name in known)}."
            )
        now = getattr(described, word)
        if is_dataclass(now) and isinstance(given, Mapping):
            values[word] = changed(now, given, f"{inside}{word}.")
        elif isinstance(now, int | float) and isinstance(given, int | float) and not isinstance(given, bool):
            values[word] = _number(given, type(now), inside + word)
        else:
            raise ConfigError(f"{inside}{word} cannot be set to {given!r}: only numbers can be changed by name.")
    return replace(described, **values)


def _number(given: float, kind: type[int | float], word: str) -> float:
    if not math.isfinite(given) or kind(given) != given:
        raise ConfigError(f"{word} is {given}; it must be a finite {'whole ' if kind is int else ''}number.")
    return kind(given)
