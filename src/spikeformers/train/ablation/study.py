"""The file of a study: a recipe, changes that make it the base, and factors that change the base one at a time.

Needs no torch.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from spikeformers.errors import ConfigError, UnknownNameError, suggest
from spikeformers.train.tables import read_table

_DATA = ("dataset", "validation", "folds", "fold")  # words that decide on which samples an accuracy is measured
BASE = "base"  # what a factor's value in the base is called where the study does not name it
_PACKAGED = files("spikeformers.train") / "studies"


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study as its file tells it.

    Attributes:
        recipe: a packaged recipe's name or a path that ends in .toml or .json, seen from the study's directory.
        set: words of the recipe to change, with dotted keys or as nested tables; they make the base.
        factors: for each factor its values beside the base's: a label, and the words to change in the base.
        base: for each factor what its value in the base is called; "base" where it is left out.
        max_parameters: a cell with more is an error; 0: any number.
    """

    name: str
    title: str = ""
    recipe: str
    seeds: tuple[int, ...]
    set: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=dict)
    factors: dict[str, Any]
    max_parameters: int = 0

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ConfigError(f"seeds must be different whole numbers, 0 or more, got {list(self.seeds)}.")
        if self.max_parameters < 0:
            raise ConfigError(f"max_parameters must be 0 (any number) or more, got {self.max_parameters}.")
        if not self.factors:
            raise ConfigError("There is no factor. Add a table such as [factors.neuron] with a line for each value.")
        if self.name in ("", ".", "..") or "/" in self.name or "\\" in self.name or not self.name.isprintable():
            raise ConfigError(f"The name of a study is that of its directory, without slashes, got {self.name!r}.")
        for factor, values in self.factors.items():
            _check_label("The name of a factor", factor)
            self._check(factor, values)
        for factor, label in self.base.items():
            if factor not in self.factors:
                known = ", ".join(self.factors)
                raise ConfigError(f"base: unknown factor {factor!r}.{suggest(factor, self.factors)} Known: {known}.")
            if not isinstance(label, str):
                raise ConfigError(f"base.{factor} must be a text in quotes, got {label!r}.")
            _check_label(f"base.{factor}", label)
        _refuse_seed("set", self.set)

    def label_of_base(self, factor: str) -> str:
        """Return what the base's value of a factor is called."""
        return str(self.base.get(factor, BASE))

    def _check(self, factor: str, values: object) -> None:
        if not isinstance(values, Mapping) or not values:
            raise ConfigError(f"factors.{factor} must be a table with a line for each value, got {values!r}.")
        for label, changes in values.items():
            place = f"factors.{factor}.{label!r}"
            if not isinstance(changes, Mapping) or not changes:
                raise ConfigError(
                    f"{place} must be a table of words to change, such as {{ model.config.time_steps = 2 }}, "
                    f"got {changes!r}."
                )
            if label == self.label_of_base(factor):
                raise ConfigError(f"{place} has the label of the base's own value. Choose another for one of them.")
            _check_label(f"The label {place}", label)
            _refuse_seed(place, changes)
            _refuse_other_data(place, changes)


def read_study(name_or_path: str | Path) -> Study:
    """Read a packaged study by name, or a TOML file by path.

    Raises:
        UnknownNameError: there is no such study or file.
        ConfigError: the file cannot be parsed, or holds an unknown key or a value of the wrong type.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        source, text = str(path), _read_file(path)
    else:
        source, text = f"{name_or_path}.toml", _packaged(str(name_or_path))
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} cannot be parsed: {error}.") from error
    study = read_table(Study, {"name": path.stem, **table}, source=source)
    beside = Path(study.recipe)
    if beside.suffix not in (".toml", ".json"):
        return study
    return replace(study, recipe=str(path.parent / beside))  # an absolute path stays what it is


def study_names() -> list[str]:
    """Return the names of the packaged studies, sorted."""
    return sorted(entry.name.removesuffix(".toml") for entry in _PACKAGED.iterdir() if entry.name.endswith(".toml"))


def _packaged(name: str) -> str:
    if name not in study_names():
        raise UnknownNameError(
            f"There is no study {name!r}.{suggest(name, study_names())} Packaged studies: "
            f"{', '.join(study_names())}. A study of your own is named by its path, ending in .toml."
        )
    return (_PACKAGED / f"{name}.toml").read_text(encoding="utf-8")


def _read_file(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = ", ".join(study_names())
        raise UnknownNameError(f"There is no study file {path}. Packaged studies: {known}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The study file {path} cannot be read: {error}.") from error


def _refuse_seed(place: str, changes: Mapping[str, Any]) -> None:
    if "seed" in changes:
        raise ConfigError(f"{place} sets the seed, which seeds = [0, 1, 2] at the top of a study does for all cells.")


def _refuse_other_data(place: str, changes: Mapping[str, Any]) -> None:
    """Accuracies on different samples say nothing about what was changed."""
    for word in _DATA:
        if word in changes:
            raise ConfigError(
                f"{place} sets {word}: its accuracy would be one on other samples than the base's, and could not be "
                f"compared with it. Set {word} under [set], for all cells; each value of it is a study of its own."
            )


def _check_label(place: str, label: str) -> None:
    """A line break would tear the tables and pictures that labels stand in."""
    if not label.strip() or not label.isprintable():
        raise ConfigError(f"{place} must be a text on one line, got {label!r}.")
