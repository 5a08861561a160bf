"""Words that choose a part, with options: `lif`, `integer(levels=8)`, `statten(chunk=2)`.

The options are the keyword arguments of the part's own constructor, so that a part of a user's own has them by being
written. Values are written as in TOML; a text needs no quotes where it is one word.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from spikeformers.errors import ConfigError, UnknownNameError, suggest

Part = TypeVar("Part")

_WORD = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\((.*)\))?\s*", re.DOTALL)
_OPTION = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*([^=]*?)\s*")
_BARE = re.compile(r"[A-Za-z_]\w*")


def parse_word(text: str) -> tuple[str, dict[str, Any]]:
    """Split a word into its name and its options.

    >>> parse_word("integer(levels=8)")
    ('integer', {'levels': 8})

    Raises:
        ConfigError: it is not written as `name` or `name(option=value, ...)`.
    """
    found = _WORD.fullmatch(text)
    if found is None:
        raise ConfigError(f"expected a word such as 'name' or 'name(option=value, ...)', got {text!r}.")
    name, inside = found[1], found[2]
    options: dict[str, Any] = {}
    for piece in inside.split(",") if inside and inside.strip() else ():
        option = _OPTION.fullmatch(piece)
        if option is None or option[1] in options:
            raise ConfigError(f"options are written once each as option=value, with commas between; got {text!r}.")
        options[option[1]] = _value(option[2], text)
    return name, options


def write_word(name: str, options: Mapping[str, Any]) -> str:
    """The text that `parse_word` reads as this name and these options."""
    inside = ", ".join(f"{option}={_written(value)}" for option, value in options.items())
    return f"{name}({inside})" if inside else name


def checked_word(text: str, known: Iterable[str], kind: str) -> str:
    """The word with its options in plain spelling.

    Raises:
        UnknownNameError: no part of that name.
        ConfigError: see `parse_word`.
    """
    name, options = parse_word(text)
    if name not in (known := list(known)):
        raise UnknownNameError(f"no {kind} {name!r}.{suggest(name, known)} Known: {', '.join(known)}.")
    return write_word(name, options)


def meaning(text: str, registry: Mapping[str, Callable[..., Part]]) -> tuple[Callable[..., Part], dict[str, Any]]:
    """What builds the part that a word names, and all its options: equal for words that say the same.

    Raises:
        KeyError: no part of that name.
        ConfigError: see `parse_word`.
    """
    name, options = parse_word(text)
    parameters = inspect.signature(registry[name]).parameters
    return registry[name], {word: p.default for word, p in parameters.items() if p.default is not p.empty} | options


def build_from_word(
    text: str,
    registry: Mapping[str, Callable[..., Part]],
    kind: str,
    *given: Any,
    offered: Mapping[str, Any] = MappingProxyType({}),
    **words: Any,
) -> Part:
    """Build the part a word names.

    Args:
        text: the word, with or without options.
        registry: what builds the part of each name; its arguments with defaults that are not among `words` are options.
        kind: what messages call it, such as "neuron".
        given, words: arguments that are not the user's.
        offered: more of them, for parts that name them as parameters.

    Raises:
        UnknownNameError: no part of that name.
        ConfigError: an option the part has not, or of another type than its default; or what the part says of it.
    """
    name, options = parse_word(checked_word(text, registry, kind))
    parameters = inspect.signature(registry[name]).parameters
    words |= {word: value for word, value in offered.items() if word in parameters}
    known = {word: p for word, p in parameters.items() if p.default is not p.empty and word not in words}
    for option, value in options.items():
        if option not in known:
            listed = f"Known: {', '.join(known)}." if known else "It has none."
            raise ConfigError(f"the {kind} {name!r} has no option {option!r}.{suggest(option, known)} {listed}")
        _check_type(option, value, known[option].default, text)
    return registry[name](*given, **words, **options)


def _check_type(option: str, value: Any, default: Any, text: str) -> None:
    expected = {bool: bool, int: int, float: (int, float), str: str}.get(type(default), object)
    is_number_for_bool = isinstance(value, bool) and not isinstance(default, bool | None)
    if not isinstance(value, expected) or is_number_for_bool:  # type: ignore[arg-type]
        raise ConfigError(f"{option} in {text!r} must be {type(default).__name__}, such as {default!r}; got {value!r}.")


def _value(written: str, text: str) -> Any:
    if _BARE.fullmatch(written) and written not in ("true", "false", "inf", "nan"):
        return written
    try:
        value = tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"cannot read the value {written!r} in {text!r}: {error}.") from error
    if not isinstance(value, bool | int | float | str):
        raise ConfigError(f"options are numbers, true, false or words; got {written!r} in {text!r}.")
    return value


def _written(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) and _BARE.fullmatch(value) else repr(value)
