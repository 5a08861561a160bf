"""Attentions by word.

Every file of this folder is read, and a class it marks with `@attention("word")` is at once a word of every model.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar

from torch import nn

from spikeformers.errors import ConfigError
from spikeformers.layers.attention.interaction import require_queries
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.words import build_from_word, parse_word, write_word

# AttentionPlan, options of the word -> a branch over [T, B, C, ...]
BuildAttention = Callable[..., nn.Module]
Class = TypeVar("Class", bound=type[nn.Module])

ATTENTIONS: dict[str, BuildAttention] = {}


def register_attention(word: str, build: BuildAttention) -> None:
    """Make an attention, or another mixer of tokens, available to every model as the config word `attention`.

    Args:
        word: its name in configs.
        build: a class, or function, that takes an `AttentionPlan`, and options as keyword arguments with defaults; what
            it gives maps activations [T, B, C, ...] and a memory to the same shape. `SelfAttention` is the base of
            those with queries, keys and values. What its attribute `twin` names is built in its place in an ANN twin,
            with the options both have, "softmax" if it has none; None keeps it. A plan it cannot serve raises
            ConfigError with the reason.

    Raises:
        ConfigError: the word is taken.
    """
    if word in ATTENTIONS:
        raise ConfigError(f"an attention {word!r} is registered already; choose another word.")
    ATTENTIONS[word] = build


def attention(*words: str) -> Callable[[Class], Class]:
    """Register the class under these words."""

    def register(built: Class) -> Class:
        for word in words:
            register_attention(word, built)
        return built

    return register


def build_attention(word: str, plan: AttentionPlan) -> Any:
    """The attention of that word, or its twin where the vocabulary is that of an ANN twin.

    Raises:
        UnknownNameError: no attention of that word.
        ConfigError: an option it has not, or a plan it cannot serve, such as one with an interaction of queries where
            it has none.
    """
    name, options = parse_word(word)
    twin = getattr(ATTENTIONS.get(name), "twin", "softmax")
    if plan.vocabulary.ann and twin is not None and name in ATTENTIONS:
        known = signature(ATTENTIONS[twin]).parameters
        word = write_word(twin, {option: value for option, value in options.items() if option in known})
    built = build_from_word(word, ATTENTIONS, "attention", plan)
    require_queries(built, word, plan)
    return built
