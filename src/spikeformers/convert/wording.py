"""From what the authors' configurations say to configuration words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from spikeformers.catalog.official import Form
from spikeformers.errors import ConfigError, suggest

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
    return words


def _meaning(word: str, value: Any, form: Form, known: Collection[str]) -> Mapping[str, Any]:
    if word == "tokenizer" and isinstance(value, Mapping):
        return _tokenizer(value)
    meant = form.wording.get(word, {})
    if isinstance(meant, str):
        return {meant: value}
    if str(value) in meant:
        return meant[str(value)]
    if meant and word not in known:
        raise ConfigError(
            f"{word} of {form.system!r} must be {' or '.join(map(repr, meant))}, got {value!r}."
            f"{suggest(str(value), meant)}"
        )
    return {word: value}


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
