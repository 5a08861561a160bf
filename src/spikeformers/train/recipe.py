"""A recipe: everything that decides the outcome of a training run, as data.

Packaged recipes are the TOML files in `recipes/`; a user's own file has the same keys.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from spikeformers.errors import ConfigError, UnknownNameError, suggest
from spikeformers.train.tables import read_table


@dataclass(frozen=True, kw_only=True)
class ModelWords:
    """Which model, and which words of its configuration differ from the catalogue's."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AugmentWords:
    """What is done to training images; one random choice per sample."""

    crop_padding: int = 0  # pixels of padding on every side before a random crop of the old size
    hflip: float = 0.0  # probability of a horizontal flip

    def __post_init__(self) -> None:
        _require(self.crop_padding >= 0, "crop_padding", self.crop_padding, ">= 0")
        _require(0.0 <= self.hflip <= 1.0, "hflip", self.hflip, "a probability, 0 to 1")


@dataclass(frozen=True, kw_only=True)
class OptimizerWords:
    """AdamW; `lr` is the rate at the end of the warm-up, decay spares norms, biases and learnable tau."""

    lr: float
    weight_decay: float = 0.06
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _require(self.lr > 0.0, "lr", self.lr, "> 0")
        _require(self.weight_decay >= 0.0, "weight_decay", self.weight_decay, ">= 0")
        _require(all(0.0 <= beta < 1.0 for beta in self.betas), "betas", self.betas, "two numbers in [0, 1)")
        _require(self.eps > 0.0, "eps", self.eps, "> 0")


@dataclass(frozen=True, kw_only=True)
class ScheduleWords:
    """Linear warm-up from `warmup_lr`, then a cosine down to `min_lr`; both move with every step."""

    epochs: int
    warmup_epochs: float = 0.0  # may be a fraction
    warmup_lr: float = 1e-5
    min_lr: float = 1e-5

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs", self.epochs, ">= 1")
        _require(
            0.0 <= self.warmup_epochs < self.epochs,
            "warmup_epochs",
            self.warmup_epochs,
            f">= 0 and below epochs ({self.epochs})",
        )
        _require(self.warmup_lr >= 0.0, "warmup_lr", self.warmup_lr, ">= 0")
        _require(self.min_lr >= 0.0, "min_lr", self.min_lr, ">= 0")

    def with_epochs(self, epochs: int) -> ScheduleWords:
        """Return the schedule over another number of epochs; a shorter one shrinks its warm-up in proportion."""
        return replace(self, epochs=epochs, warmup_epochs=self.warmup_epochs * min(1.0, epochs / self.epochs))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A training run as data; two runs of one recipe on one machine end with the same weights."""

    name: str
    description: str = ""
    dataset: str
    model: ModelWords
    augment: AugmentWords = field(default_factory=AugmentWords)
    optimizer: OptimizerWords
    schedule: ScheduleWords
    batch_size: int
    label_smoothing: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        _require(self.batch_size >= 1, "batch_size", self.batch_size, ">= 1")
        _require(0.0 <= self.label_smoothing < 1.0, "label_smoothing", self.label_smoothing, "in [0, 1)")
        _require(self.seed >= 0, "seed", self.seed, ">= 0")

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain nested tables; `load_recipe` reads them back from a JSON file."""
        return asdict(self)


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
        name, source, text = str(name_or_path), f"{name_or_path}.toml", _read_packaged(str(name_or_path))
    table = {"name": name, **_parse(text, source)}
    if overrides:
        table = _merge(table, overrides)
        source += f" (with {', '.join(overrides)} overridden)"
    return read_table(Recipe, table, source=source)


_PACKAGED = files("spikeformers.train") / "recipes"


def _read_packaged(name: str) -> str:
    if name not in recipe_names():
        raise UnknownNameError(
            f"There is no recipe {name!r}.{suggest(name, recipe_names())} Packaged recipes: "
            f"{', '.join(recipe_names())}. A recipe of your own is named by its path, ending in .toml."
        )
    return (_PACKAGED / f"{name}.toml").read_text(encoding="utf-8")


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UnknownNameError(
            f"There is no recipe file {path}. Packaged recipes: {', '.join(recipe_names())}."
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


def _require(holds: bool, word: str, given: object, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{word} must be {expected}, got {given}.")
