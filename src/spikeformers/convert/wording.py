"""From what the authors' configurations say to configuration words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from spikeformers import catalog
from spikeformers.catalog.official import Form
from spikeformers.errors import ConfigError, suggest
from spikeformers.layers.words import parse_word, write_word

_TOKENIZER = ("kernel", "strides", "padding", "blocks")


def config_words(config: object, form: Form, known: Collection[str]) -> dict[str, Any]:
    """Return the words of a configuration as the model's config has them.

    Args:
        config: Words to values, or None. Besides config words, what the authors' configurations call otherwise (see
            `wording` in `catalog.official`), and a `tokenizer` described by its kernel, strides, padding and blocks.
        form: The form it belongs to.
        known: The words of the model's config.

    Raises:
        ConfigError: it is no mapping of words, or describes what the form has not.
    """
    if config is None:
        return {}
    if not isinstance(config, Mapping) or not all(isinstance(word, str) for word in config):
        raise ConfigError(f"config must map configuration words to values, such as {{'heads': 8}}; found {config!r}.")
    words: dict[str, Any] = {}
    for word, value in config.items():
        words |= _meaning(word, value, form, known)
    return _with_options(words, form)


def _meaning(word: str, value: Any, form: Form, known: Collection[str]) -> Mapping[str, Any]:
    if word == "tokenizer" and isinstance(value, Mapping):
        return _tokenizer(value)
    meant = form.wording.get(word, {})
    if isinstance(meant, str):
        return {meant: value}
    if isinstance(meant, tuple):
        return _each(word, value, meant)
    if isinstance(value, Mapping) and meant:
        return _parts(word, value, meant)
    found = meant.get(str(value))
    if isinstance(found, Mapping):
        return found
    if meant and word not in known:
        raise ConfigError(
            f"{word} of {form.system!r} must be {' or '.join(map(repr, meant))}, got {value!r}."
            f"{suggest(str(value), meant)}"
        )
    return {word: value}


def _parts(word: str, value: Mapping[str, Any], meant: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the parts of a table say, which must be those the form has."""
    if value.keys() != meant.keys():
        raise ConfigError(f"{word} is described by {', '.join(meant)}, got {dict(value)!r}.")
    return {meant[part]: number for part, number in value.items()}


def _each(word: str, value: Any, meant: tuple[str, ...]) -> dict[str, Any]:
    """Return what each value of a list says."""
    if not isinstance(value, list | tuple) or len(value) != len(meant):
        raise ConfigError(f"{word} is a list of {len(meant)} values, got {value!r}.")
    return dict(zip(meant, value, strict=True))


def _with_options(words: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """Return the words with each "word.option" put among the options of the part that the word names."""
    result = {word: value for word, value in words.items() if "." not in word}
    released = catalog.variant(form.system, form.variant).config
    for path, value in words.items():
        word, dot, option = path.partition(".")
        if dot and isinstance(part := result.get(word, released.get(word)), str):
            name, options = parse_word(part)
            result[word] = write_word(name, {**options, option: value})
        elif dot:
            result[path] = value
    return result


def _tokenizer(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of a convolutional tokenizer from its description.

    Strides are a list with one for each block, two blocks a stage, or the number that all blocks have, one a stage.
    """
    missing = [word for word in _TOKENIZER if word not in description]
    if missing or len(description) != len(_TOKENIZER):
        raise ConfigError(f"a tokenizer is described by {', '.join(_TOKENIZER)}, got {dict(description)!r}.")
    kernel, strides, padding, blocks = (description[word] for word in _TOKENIZER)
    each = isinstance(strides, list | tuple)
    if not (isinstance(kernel, int) and isinstance(blocks, int) and (each or isinstance(strides, int))):
        raise ConfigError(f"kernel, strides and blocks of a tokenizer are whole numbers, got {dict(description)!r}.")
    if padding != kernel // 2:
        raise ConfigError(f"a tokenizer of kernel {kernel} pads by {kernel // 2}, got padding {padding!r}.")
    if each and len(strides) != blocks:
        raise ConfigError(f"a tokenizer of {blocks} blocks has a stride for each of them, got strides {strides!r}.")
    return {
        "tokenizer": "convolutional",
        "tokenizer_kernel": kernel,
        "tokenizer_strides": tuple(strides) if each else (strides,) * blocks,
        "blocks_per_stage": 2 if each else 1,
    }
