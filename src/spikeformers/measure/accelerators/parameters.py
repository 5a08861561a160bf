"""Parameters of accelerators: TOML files in which every number says where it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from spikeformers.catalog.tables import checked, strings
from spikeformers.errors import ConfigError, suggest
from spikeformers.measure.files import read_named, words_in

FOLDER = Path(__file__).parent
COUNTS = ("pes", "m", "k", "n", "parallel_steps", "weight_bits", "membrane_bits", "real_bits", "skip_lanes")
RATES = ("frequency_mhz",)
FLAGS = ("zero_skip", "weights_held", "map_by_column")
ENERGIES = (
    "logic_fj_per_pe_cycle",
    "logic_fj_per_operation",
    "sram_fj_per_pe_cycle",
    "sram_fj_per_bit",
    "dram_fj_per_bit",
    "leakage_mw",
)
FIGURES = ("fps", "power_mw", "sram_kb")
MARKS = ("published", "secondary", "derived", "assumed")
Number = int | float | bool
Mark = Literal["published", "secondary", "derived", "assumed", "what-if"]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A number and where it comes from.

    Args:
        value: of it.
        mark: "published" by its authors; "secondary", reported by others; "derived" from those by arithmetic;
            "assumed" here; "what-if" asked by the caller.
        source: who says so, or how it was derived.
    """

    value: Number
    mark: Mark
    source: str


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """An accelerator: `pes` = m k n parallel_steps processing elements.

    Args:
        name: its word, or the path of its file.
        title: what it is.
        parameters: by the words of `COUNTS`, `RATES`, `FLAGS` and, where known, `ENERGIES`.
        published: what its authors report, by the words of `FIGURES`; compared with, never fitted.
        estimated, unknown: what else must be known about its figures.
    """

    name: str
    title: str
    parameters: Mapping[str, Parameter]
    published: Mapping[str, Parameter]
    estimated: tuple[str, ...]
    unknown: tuple[str, ...]

    def count(self, word: str) -> int:
        """A whole number."""
        return int(self.parameters[word].value)

    def flag(self, word: str) -> bool:
        """Whether it does so."""
        return bool(self.parameters[word].value)

    def energy(self, word: str) -> float | None:
        """A price, None where it is not known."""
        return float(self.parameters[word].value) if word in self.parameters else None

    @property
    def hertz(self) -> float:
        """Clock."""
        return float(self.parameters["frequency_mhz"].value) * 1e6


def list_accelerators() -> list[str]:
    """The words of the accelerators that come with the package."""
    return words_in(FOLDER)


def read_accelerator(spec: str | os.PathLike[str]) -> Accelerator:
    """An accelerator by its word, or from a file of one's own.

    Args:
        spec: a word of `list_accelerators`, or the path of a TOML file (it ends in .toml).

    Raises:
        UnknownNameError: no accelerator of that word.
        ConfigError: the file cannot be read, or holds something else than it should.
    """
    return _accelerator(*read_named("accelerator", FOLDER, spec))


def what_if(chip: Accelerator, **changes: Number) -> Accelerator:
    """The accelerator with other parameters.

    `n` follows from the others, so that m k n parallel_steps = pes, unless it is given; then `pes` follows.

    Raises:
        ConfigError: a word that is no parameter, or values that no accelerator can have.
    """
    known = (*COUNTS, *RATES, *FLAGS, *ENERGIES)
    for word in changes:
        if word not in known:
            raise ConfigError(f"no parameter {word!r}.{suggest(word, known)} Known: {', '.join(known)}.")
    asked = {word: Parameter(value=value, mark="what-if", source="asked") for word, value in changes.items()}
    changed = replace(chip, parameters={**chip.parameters, **asked})
    _check_values(changed)
    if not {"pes", "m", "k", "n", "parallel_steps"} & changes.keys():
        return changed
    lanes = changed.count("m") * changed.count("k") * changed.count("parallel_steps")
    word, value = "n", changed.count("pes") // lanes
    if "n" in changes and "pes" not in changes:
        word, value = "pes", changed.count("n") * lanes
    elif "n" in changes:
        value = changed.count("n")
    follows = Parameter(value=value, mark="derived", source="m k n parallel_steps = pes")
    changed = replace(changed, parameters={**changed.parameters, **({} if word in changes else {word: follows})})
    _check_tile(changed)
    return changed


def _accelerator(name: str, table: dict[str, Any]) -> Accelerator:
    required = {"title": str, "estimated": list, "unknown": list, "parameters": dict}
    checked(table, name, required=required, optional={"published": dict})
    needed = dict.fromkeys((*COUNTS, *RATES, *FLAGS), dict)
    checked(table["parameters"], f"{name}: parameters", required=needed, optional=dict.fromkeys(ENERGIES, dict))
    published = table.get("published", {})
    checked(published, f"{name}: published", required={}, optional=dict.fromkeys(FIGURES, dict))
    chip = Accelerator(
        name=name,
        title=table["title"],
        parameters={word: _parameter(f"{name}: {word}", each, word) for word, each in table["parameters"].items()},
        published={word: _parameter(f"{name}: published.{word}", each, word) for word, each in published.items()},
        estimated=strings(table["estimated"], f"{name}: estimated"),
        unknown=strings(table["unknown"], f"{name}: unknown"),
    )
    _check_values(chip)
    _check_tile(chip)
    return chip


def _parameter(where: str, table: dict[str, Any], word: str) -> Parameter:
    kind = int if word in COUNTS else bool if word in FLAGS else float
    words = checked(table, where, required={"value": kind, "mark": str, "source": str}, optional={})
    if words["mark"] not in MARKS:
        mark = words["mark"]
        raise ConfigError(f"{where}: no mark {mark!r}.{suggest(mark, MARKS)} Known: {', '.join(MARKS)}.")
    if word in FIGURES and not 0 < words["value"] < float("inf"):
        raise ConfigError(f"{where}: a published figure must be a number more than 0, found {words['value']}.")
    return Parameter(**words)


def _check_values(chip: Accelerator) -> None:
    for word, parameter in chip.parameters.items():
        value = parameter.value
        if word in FLAGS:
            fits, expected = isinstance(value, bool), "true or false"
        elif word in COUNTS:
            fits, expected = type(value) is int and value >= 1, "a whole number from 1"
        elif word in RATES:
            fits, expected = type(value) in (int, float) and 0 < value < float("inf"), "a number more than 0"
        else:
            fits, expected = type(value) in (int, float) and 0 <= value < float("inf"), "a number from 0"
        if not fits:
            raise ConfigError(f"{chip.name}: {word} must be {expected}, got {value!r}. Give another {word}.")


def _check_tile(chip: Accelerator) -> None:
    lanes = chip.count("m") * chip.count("k") * chip.count("parallel_steps")
    pes, n = chip.count("pes"), chip.count("n")
    if lanes * n != pes:
        low = max(1, pes // lanes) * lanes
        raise ConfigError(
            f"{chip.name}: m k n parallel_steps must be pes, got {chip.count('m')} x {chip.count('k')} x {n} x "
            f"{chip.count('parallel_steps')} for {pes} PEs. Give a multiple of {lanes} (such as {low} or "
            f"{low + lanes}) as pes, or another m, k, n or parallel_steps."
        )
