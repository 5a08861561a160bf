"""From a parsed TOML or JSON table to a typed dataclass, with errors that name file, section and key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from spikeformers.errors import ConfigError, suggest

T = TypeVar("T")


def read_table(kind: type[T], table: Mapping[str, object], *, source: str, section: str = "") -> T:
    """Build the dataclass `kind` from `table`; nested dataclasses are read from nested tables.

    Args:
        source: what the table was read from, for messages (a file name).
        section: dotted path of the table inside the source, "" at the top.

    Raises:
        ConfigError: an unknown or missing key, a value of the wrong type, or one that `kind` itself refuses.
    """
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    place = f"{source}: [{section}]" if section else source
    for key in table:
        if key not in hints:
            raise ConfigError(f"{place}: unknown key {key!r}.{suggest(key, hints)} Known keys: {', '.join(hints)}.")
    for field in fields(kind):
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and field.name not in table:
            raise ConfigError(f"{place}: the key {field.name!r} is missing; add it.")
    path = {key: f"{section}.{key}" if section else key for key in table}
    values = {key: _read_value(hints[key], value, source, path[key]) for key, value in table.items()}
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from None


def _read_value(kind: Any, value: object, source: str, path: str) -> object:
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise _wrong_type(source, path, "a table", value)
        return read_table(kind, value, source=source, section=path)
    if get_origin(kind) is UnionType:
        return None if value is None else _read_value(_without_none(kind), value, source, path)
    if get_origin(kind) is Literal:
        return _read_choice(get_args(kind), value, source, path)
    if get_origin(kind) is tuple:
        return _read_tuple(get_args(kind), value, source, path)
    if get_origin(kind) is dict:
        if not isinstance(value, Mapping):
            raise _wrong_type(source, path, "a table", value)
        return dict(value)
    if kind is float:
        return _read_float(value, source, path)
    # bool is a subclass of int; `epochs = true` is a slip, not the number one.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _wrong_type(source, path, _WORDS[kind], value)
    return value


def _read_float(value: object, source: str, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong_type(source, path, "a finite number", value)
    return float(value)


def _without_none(kind: Any) -> Any:
    (only,) = (choice for choice in get_args(kind) if choice is not NoneType)
    return only


def _read_choice(choices: tuple[Any, ...], value: object, source: str, path: str) -> object:
    if value not in choices:
        raise _wrong_type(source, path, f"one of {', '.join(map(repr, choices))}", value, suggest(str(value), choices))
    return value


def _read_tuple(kinds: tuple[Any, ...], value: object, source: str, path: str) -> tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong_type(source, path, "a list", value)
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(value) != len(kinds):
        raise _wrong_type(source, path, f"a list of {len(kinds)} values", value)
    return tuple(
        _read_value(kind, item, source, f"{path}[{index}]")
        for index, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


_WORDS = {int: "a whole number", bool: "true or false", str: "a text in quotes"}


def _wrong_type(source: str, path: str, expected: str, value: object, hint: str = "") -> ConfigError:
    return ConfigError(f"{source}: {path} must be {expected}, got {value!r}.{hint}")
