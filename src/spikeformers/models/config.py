"""Configurations: frozen dataclasses whose fields are the words users, catalogue and checkpoints speak."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

import torch

from spikeformers.errors import ConfigError, suggest
from spikeformers.layers import INTERACTIONS, NEURONS, NORMS, Vocabulary
from spikeformers.layers.neurons import build_neuron
from spikeformers.layers.vocabulary import DynamicRule
from spikeformers.layers.words import checked_word
from spikeformers.ops import Dynamics, Surrogate


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The words every model has.

    Args:
        in_channels: channels of the input.
        num_classes: classes K.
        image_size: height and width the model is meant for; others of the right divisibility work too.
        time_steps: T for static images; an event batch brings its own.
        encoder: registered word; how a static image becomes T frames.
        neuron, norm: registered words, with options where they have any: "lif", "integer(levels=8)".
        ann: "relu" or "gelu" makes the model its ANN twin: that activation for every neuron, softmax attention whose
            queries, keys and values do not fire for every spiking one, all else the same. A static image is then one
            frame: an ANN has no time.
        interaction: registered word: how the queries of attentions meet those of the time step before; "none", or
            "tim" with its options (see `TemporalInteraction`).
        tau, v_threshold, v_reset, decay_input, detach_reset, detach_membrane: of the neurons (see `ops.Dynamics`).
        dynamic_steps: whether every layer of neurons learns at which of its time steps it puts anything out: "none", or
            "integrate" or "skip", which say what it does at the others (see `layers.dynamic_steps`).
        surrogate, surrogate_alpha: surrogate gradient and its parameter (None: its default).
    """

    # Words other families have and this one cannot: the word, and why.
    without: ClassVar[Mapping[str, str]] = {}

    in_channels: int = 3
    num_classes: int = 10
    image_size: tuple[int, int] = (32, 32)
    time_steps: int = 4
    encoder: str = "direct"
    neuron: str = "lif"
    norm: str = "batch_norm"
    interaction: str = "none"
    ann: Literal["none", "relu", "gelu"] = "none"
    tau: float = 2.0
    v_threshold: float = 1.0
    v_reset: float | None = 0.0
    decay_input: bool = True
    detach_reset: bool = True
    detach_membrane: bool = False
    dynamic_steps: DynamicRule = "none"
    surrogate: str = "sigmoid"
    surrogate_alpha: float | None = None

    def __post_init__(self) -> None:
        kinds = get_type_hints(type(self))
        for word, kind in ((field.name, kinds[field.name]) for field in fields(self)):
            object.__setattr__(self, word, _checked(word, getattr(self, word), kind))
        for word in ("in_channels", "num_classes", "time_steps"):
            require(getattr(self, word) >= 1, f"{word} must be at least 1, got {getattr(self, word)}.")
        require(
            self.dynamic_steps == "none" or self.ann == "none",
            "dynamic_steps are those of neurons, and an ANN twin has neither; leave one of the two words out.",
        )
        require(min(self.image_size) >= 1, f"image_size must be positive, got {list(self.image_size)}.")
        for word, (registry, kind) in self.word_registries().items():
            object.__setattr__(self, word, checked_word(getattr(self, word), registry, kind))
        # Also where the neuron ignores some of them: a file must not carry words that could not be.
        Dynamics(**self._neuron_words())
        with torch.random.fork_rng(devices=[]):  # what a neuron draws here is no model's
            build_neuron(self.neuron, time_steps=self.frames, **self._neuron_words())

    @classmethod
    def from_words(cls, words: Mapping[str, Any]) -> Self:
        """Build a config from a mapping.

        Raises:
            ConfigError: an unknown word (the nearest ones are named), or a value of the wrong type or range.
        """
        known = [field.name for field in fields(cls)]
        for word in words:
            if word not in known:
                why = f" {cls.without[word]}" if word in cls.without else suggest(word, known)
                raise ConfigError(f"{cls.__name__} has no word {word!r}.{why} Known: {', '.join(sorted(known))}.")
        return cls(**words)

    @classmethod
    def word_registries(cls) -> dict[str, tuple[Mapping[str, Callable[..., object]], str]]:
        """The words whose values name registered parts: what is registered, and what a message calls it."""
        return {
            "neuron": (NEURONS, "neuron"),
            "norm": (NORMS, "norm"),
            "interaction": (INTERACTIONS, "interaction"),
        }

    def to_dict(self) -> dict[str, Any]:
        """The words as plain values that JSON and TOML can hold."""
        return {word: _plain(value) for word, value in asdict(self).items()}

    def vocabulary(self) -> Vocabulary:
        """The neuron and norm these words choose."""
        ann = self.ann != "none"
        return Vocabulary(
            neuron=self.ann if ann else self.neuron,
            norm=self.norm,
            ann=ann,
            time_steps=self.frames,
            interaction=self.interaction,
            dynamic_steps=self.dynamic_steps,
            **self._neuron_words(),
        )

    def _neuron_words(self) -> dict[str, Any]:
        words = ("tau", "v_threshold", "v_reset", "decay_input", "detach_reset", "detach_membrane")
        return {
            **{word: getattr(self, word) for word in words},
            "surrogate": Surrogate(self.surrogate, self.surrogate_alpha),
        }

    @property
    def frames(self) -> int:
        """Frames a static image becomes."""
        return self.time_steps if self.ann == "none" else 1


def require(condition: bool, message: str) -> None:
    """Raise ConfigError with the message unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def require_positive(word: str, value: float) -> None:
    """Raise ConfigError unless the word's value is a positive number."""
    require(0 < value < math.inf, f"{word} must be a positive number, got {value}.")


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _number(value: Any) -> int | float | None:
    """Python's number for any real number, numpy's too; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if isinstance(value, Integral):
        return int(value) if abs(int(value)) < 2**63 else None
    return float(value)


def _checked(word: str, value: Any, kind: Any) -> Any:
    """The value as its annotated type, or a ConfigError that names word, type and value."""
    origin, choices = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in choices:
            return None
        (kind,) = (choice for choice in choices if choice is not type(None))
        return _checked(word, value, kind)
    if origin is tuple:
        if isinstance(value, (list, tuple)):
            kinds = (choices[0],) * len(value) if choices[-1] is Ellipsis else choices
            if len(value) == len(kinds):
                return tuple(_checked(word, item, kind) for item, kind in zip(value, kinds, strict=True))
    elif kind is float and (number := _number(value)) is not None:
        return float(number)
    elif kind is int and (number := _number(value)) is not None and math.isfinite(number) and number == int(number):
        return int(number)
    elif choices:
        if value in choices:
            return value
        raise ConfigError(
            f"{word} must be one of {', '.join(map(repr, choices))}, got {value!r}.{suggest(str(value), choices)}"
        )
    elif kind is not int and isinstance(value, kind):
        return value
    expected = kind.__name__
    if origin is tuple:
        expected = "a list of values" if choices[-1] is Ellipsis else f"{len(choices)} values"
    raise ConfigError(f"{word} must be {expected}, got {value!r}.")
