"""Which words go with which family, found by building every combination small and running it.

Nothing here is a list to be kept true: families come from the catalogue, words from the registries and from the
configs, and a combination that is refused gives its own reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

import torch

from spikeformers import catalog
from spikeformers.errors import NotStreamable, SpikeformersError
from spikeformers.layers import ENCODERS
from spikeformers.models.base import SpikingModel
from spikeformers.models.config import ModelConfig
from spikeformers.models.registry import model_class
from spikeformers.ops import SURROGATES

# The same architecture in a size that builds in milliseconds; a model takes those of the words it has.
SMALL: dict[str, Any] = {
    "dim": 32,
    "depth": 2,
    "dims": [16, 16, 32, 32],
    # The first two blocks are in one stage, so that something can skip from one to the other.
    "depths_by_stage": [2, 1, 1, 1, 1],
    "stage_depths": [2, 1],
    "heads": 4,
    "mlp_ratio": 2,
    "num_classes": 5,
    "time_steps": 4,
}
# Words that choose parts, in the order they are shown, and values where no registry or type lists them.
WORDS: dict[str, tuple[Any, ...]] = {
    "attention": (),
    "interaction": (),
    "neuron": (),
    "norm": (),
    "shortcut": (),
    "tokenizer": (),
    "ann": ("relu", "gelu"),
    "encoder": tuple(ENCODERS),
    "surrogate": tuple(SURROGATES),
    "detach_membrane": (True,),
    "skips": ([[0, 1, 1]],),
    "dynamic_steps": (),
    "keep_tokens": (0.5,),
}
Verdict = Literal["streams", "all at once", "refused"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One family with one word.

    Attributes:
        family: The family.
        model: Catalogue name of the model that was made small.
        word, value: The config word and its value.
        verdict: "streams": runs, also one time step at a time; "all at once": runs, and needs all time steps in one
            call; "refused": is not built.
        reason: Why it is refused, or why it cannot stream; "" where neither.
    """

    family: str
    model: str
    word: str
    value: Any
    verdict: Verdict
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as for JSON."""
        return asdict(self)


def combinations() -> list[tuple[str, str, Any]]:
    """Every family with every word: the catalogue name of its first model, the word, the value.

    Families and parts the user added or registered are among them.
    """
    names = representatives()
    configs = [model_class(catalog.get(name).builds).Config for name in names]
    return [(name, word, value) for word, values in choices(configs).items() for value in values for name in names]


def representatives() -> list[str]:
    """The first model of each class in the catalogue."""
    first: dict[str, str] = {}
    for name in catalog.names():
        first.setdefault(catalog.get(name).builds, name)
    return list(first.values())


def choices(configs: Sequence[type[ModelConfig]]) -> dict[str, list[Any]]:
    """The values of each word that some of these configs take."""
    found: dict[str, list[Any]] = {}
    for word, values in WORDS.items():
        listed = [value for config in configs for value in _listed(config, word)]
        found[word] = list(values or dict.fromkeys(listed))
    return found


def small_words(name: str) -> dict[str, Any]:
    """The words that make a model of the catalogue small, with 2 x 2 tokens or more."""
    kind = model_class(catalog.get(name).builds)
    known = {field.name for field in fields(kind.Config)}
    words = {word: value for word, value in SMALL.items() if word in known}
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        stride = kind.from_words({**catalog.get(name).config, **words}).stride
    return {**words, "image_size": [2 * stride, 2 * stride]}


def _listed(config: type[ModelConfig], word: str) -> tuple[Any, ...]:
    registries = config.word_registries()
    if word in registries:
        return tuple(registries[word][0])
    return get_args(get_type_hints(config).get(word))


def examine(name: str, word: str, value: Any) -> Cell:
    """Build the model small with that word, and run it in one call and step by step."""
    record = catalog.get(name)
    kind = model_class(record.builds)
    verdict: Verdict = "refused"
    if word not in {field.name for field in fields(kind.Config)}:
        reason = kind.Config.without.get(word, f"{record.family} has no word {word!r}.")
    else:
        try:
            verdict, reason = _run(kind, {**record.config, **small_words(name), word: value})
        except SpikeformersError as error:
            reason = str(error)
    return Cell(family=record.family, model=name, word=word, value=value, verdict=verdict, reason=reason)


@torch.no_grad()
def _run(kind: type[SpikingModel], words: dict[str, Any]) -> tuple[Verdict, str]:
    with torch.random.fork_rng(devices=[]):
        model = kind.from_words(words).eval()
        c = model.config
        frame = torch.rand(1, c.in_channels, *c.image_size)
    model(frame.unsqueeze(1).repeat(1, c.time_steps, 1, 1, 1) if c.in_channels == 2 else frame)
    try:
        model.step(frame, model.initial_state(1))
    except NotStreamable as error:
        return "all at once", str(error)
    return "streams", ""
