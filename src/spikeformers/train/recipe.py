"""A recipe: everything that decides the outcome of a training run, as data.

Packaged recipes are the TOML files in `recipes/`; a user's own file has the same keys.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from spikeformers.errors import ConfigError, UnknownNameError, suggest
from spikeformers.train.tables import read_table
from spikeformers.train.words import (
    AugmentWords,
    DistillationWords,
    EventWords,
    ImageWords,
    LossWords,
    ModelWords,
    OptimizerWords,
    PaperWords,
    PreActivations,
    Precision,
    ScheduleWords,
    require,
)

PROSE = ("name", "description", "paper")  # the keys of a recipe that are there to be read, and decide nothing


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run as data; two runs of one recipe on one machine end with the same weights."""

    name: str
    description: str = ""
    dataset: str
    validation: float = (
        0.0  # share of the training images held out to choose by; 0: the epochs are judged on the test set
    )
    folds: int = 0  # parts of the training data, of which one is the test part instead of the set's own; 0: its own
    fold: int = 0  # which one, counted from 0
    model: ModelWords = field(default_factory=ModelWords)
    images: ImageWords = field(default_factory=ImageWords)
    events: EventWords = field(default_factory=EventWords)
    augment: AugmentWords = field(default_factory=AugmentWords)
    optimizer: OptimizerWords
    schedule: ScheduleWords
    loss: LossWords = field(default_factory=LossWords)
    distillation: DistillationWords | None = None
    batch_size: int  # samples per update of the weights
    accumulate: int = 1  # parts a batch is computed in, one after the other, to save memory
    precision: Precision = "float32"  # of autocast; "float16" scales the loss
    ema: float = 0.0  # decay of an average of the weights, which is what is evaluated and kept; 0: none
    recompute: bool = False  # compute blocks again in the backward pass instead of keeping what they need (less memory)
    keep_pre_activations: PreActivations = "exact"  # how real values in front of norms are kept for the gradient
    init: str = ""  # a checkpoint or run directory to start from
    freeze: tuple[str, ...] = ()  # parts of the model that do not learn, such as "tokenizer" or "blocks.0"
    seed: int = 0
    paper: PaperWords | None = None

    def __post_init__(self) -> None:
        require(0.0 <= self.validation < 1.0, "validation", self.validation, "a share, 0 or more and below 1")
        require(self.folds == 0 or self.folds >= 2, "folds", self.folds, "0, or 2 and more")
        require(0 <= self.fold < max(1, self.folds), "fold", self.fold, f">= 0 and below folds ({self.folds})")
        require(self.batch_size >= 1, "batch_size", self.batch_size, ">= 1")
        divides = f">= 1 and a divisor of batch_size ({self.batch_size})"
        require(self.accumulate >= 1 and self.batch_size % self.accumulate == 0, "accumulate", self.accumulate, divides)
        require(0.0 <= self.ema < 1.0, "ema", self.ema, "in [0, 1)")
        require(self.seed >= 0, "seed", self.seed, ">= 0")
        if not self.model.name and not self.init:
            raise ConfigError("name a model under [model], or start from a checkpoint (init, --init).")

    @property
    def peak_lr(self) -> float:
        """The learning rate at the end of the warm-up, scaled by the batch size where the recipe says so."""
        words = self.optimizer
        return words.lr * self.batch_size / words.lr_batch_size if words.lr_batch_size else words.lr

    def adjusted(self, *, seed: int | None = None, epochs: int | None = None) -> Recipe:
        """Return the recipe with another seed, or over another number of epochs in all.

        Fewer epochs shrink warm-up, cooldown and the epoch that ends mixing in proportion.
        """
        recipe = self if seed is None else replace(self, seed=seed)
        if epochs is None or epochs == self.schedule.total_epochs:
            return recipe
        share = min(1.0, epochs / self.schedule.total_epochs)
        off = math.ceil(self.augment.mixing_off_epoch * share)
        return replace(
            recipe, schedule=self.schedule.shortened(epochs), augment=replace(self.augment, mixing_off_epoch=off)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain nested tables; `load_recipe` reads them back from a JSON file."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def recipe_names() -> list[str]:
    """Return the names of the packaged recipes, sorted."""
    return sorted(entry.name.removesuffix(".toml") for entry in _PACKAGED.iterdir() if entry.name.endswith(".toml"))


def load_recipe(name_or_path: str | Path, **overrides: Any) -> Recipe:
    """Load a packaged recipe by name, or a TOML or JSON file by path.

    Args:
        name_or_path: a name of `recipe_names()`, or a path that ends in .toml or .json.
        overrides: words that replace those of the file, nested like the file's tables:
            `load_recipe("digits_spikformer", seed=1, schedule={"epochs": 5})`.

    Raises:
        UnknownNameError: there is no such recipe or file.
        ConfigError: the file cannot be parsed, or holds an unknown key or a value of the wrong type.
    """
    if Path(name_or_path).suffix in (".toml", ".json"):
        name, source, text = Path(name_or_path).stem, str(name_or_path), _read_file(Path(name_or_path))
    else:
        name, source, text = str(name_or_path), f"{name_or_path}.toml", recipe_text(str(name_or_path))
    table = {"name": name, **_parse(text, source)}
    if overrides:
        table = _merge(table, overrides)
        source += f" (with {', '.join(overrides)} overridden)"
    return read_table(Recipe, table, source=source)


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return (dotted key, their value, our value) where two recipes, as `to_dict` gives them, differ.

    A key that one of them leaves out is None there.
    """
    left, right = flat(theirs), flat(ours)
    keys = [*left, *(key for key in right if key not in left)]
    return [(key, left.get(key), right.get(key)) for key in keys if left.get(key) != right.get(key)]


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one, with dotted keys, and lists for tuples, as JSON has them."""
    words: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            words |= flat(value, f"{prefix}{key}.")
        else:
            words[f"{prefix}{key}"] = _listed(value)
    return words


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value


_PACKAGED = files("spikeformers.train") / "recipes"


def recipe_text(name: str) -> str:
    """Return the file of a packaged recipe as it is written, comments included.

    Raises:
        UnknownNameError: no packaged recipe has this name.
    """
    if name not in recipe_names():
        raise UnknownNameError(
            f"There is no recipe {name!r}.{suggest(name, recipe_names())} `spikeformers recipes` lists "
            "the packaged ones. A recipe of your own is named by its path, ending in .toml."
        )
    return (_PACKAGED / f"{name}.toml").read_text(encoding="utf-8")


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UnknownNameError(
            f"There is no recipe file {path}.{suggest(path.stem, recipe_names())} `spikeformers recipes` lists the "
            "packaged ones, which are named without .toml."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The recipe file {path} cannot be read: {error}.") from error


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        table = json.loads(text) if source.endswith(".json") else tomllib.loads(text)
    except ValueError as error:  # both parsers' errors are ValueErrors that name the line
        raise ConfigError(f"{source} cannot be parsed: {error}.") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{source} must hold one table of recipe keys, got {type(table).__name__}.")
    return table


def _merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        merged[key] = _merge(base[key], value) if nested else value
    return merged
