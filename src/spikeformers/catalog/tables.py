"""TOML tables that say what is wrong with them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikeformers.errors import ConfigError, suggest

_TYPE_WORDS = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        ConfigError: the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is not a TOML file: {error}.") from error


def checked(table: object, where: str, *, required: Mapping[str, type], optional: Mapping[str, type]) -> dict[str, Any]:
    """Return `table` after checking that it has the required keys, no unknown ones, and values of the right type.

    Raises:
        ConfigError: naming `where`, the key, and what was expected.
    """
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: expected a table, found {table!r}.")
    known = {**required, **optional}
    for key in table:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}.{suggest(key, known)} Known keys: {', '.join(known)}.")
    for key in required:
        if key not in table:
            raise ConfigError(f"{where}: the key {key!r} is missing.")
    for key, value in table.items():
        if not _is(value, known[key]):
            raise ConfigError(f"{where}: {key!r} must be {_TYPE_WORDS[known[key]]}, found {value!r}.")
    return table


def strings(values: list[object], where: str) -> tuple[str, ...]:
    """Return a list of strings as a tuple.

    Raises:
        ConfigError: an element is not a string.
    """
    for value in values:
        if not isinstance(value, str):
            raise ConfigError(f"{where}: expected a list of strings, found {value!r} in it.")
    return tuple(str(value) for value in values)


def _is(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
