"""Energy conventions: which count is charged at which price, as TOML files in `conventions/` or of one's own."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from spikeformers.catalog.tables import checked, strings
from spikeformers.errors import ConfigError, suggest
from spikeformers.measure.counting.counts import KINDS, Count
from spikeformers.measure.files import read_named, words_in

FOLDER = Path(__file__).parent / "conventions"
COSTS = ("ac", "mac")


def _is_real(row: Count) -> bool:
    return any(seen.kind == "real" for seen in row.seen)


def _rate(row: Count) -> float:
    """Mean absolute value of the operand; of two, that of the sparser binary one, or integer where none is binary."""
    binary = [seen.rate for seen in row.seen if seen.kind in ("binary", "ternary")]
    return min(binary or [seen.rate for seen in row.seen])


def _bias(row: Count) -> int:
    return row.outputs if row.bias else 0


def _updates(row: Count) -> int:
    return row.outputs if row.membranes else 0


WHEN: dict[str, Callable[[Count], bool]] = {
    "always": lambda row: True,
    "real": _is_real,
    "spikes": lambda row: not _is_real(row),
    "first or real": lambda row: row.first or _is_real(row),
    "spikes behind the first": lambda row: not (row.first or _is_real(row)),
}

AMOUNTS: dict[str, Callable[[Count], float]] = {
    "dense": lambda row: row.dense,
    "dense_padded": lambda row: row.dense_padded,
    "dense_padded at rate": lambda row: row.dense_padded * _rate(row),
    "nonzero": lambda row: row.nonzero,
    "events": lambda row: row.events or 0,
    "neurobench_acs": lambda row: row.neurobench_acs,
    "neurobench_macs": lambda row: row.neurobench_macs,
    "bias": _bias,
    "bias at rate": lambda row: _bias(row) * _rate(row),
    "updates": lambda row: _updates(row),
}


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A price.

    Args:
        picojoules: of one.
        meaning: of what.
        source: who says so.
    """

    picojoules: float
    meaning: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Charge:
    """Amounts of the rows of some kinds that are charged at one price.

    Args:
        kinds: of `Count.kind`.
        when: a word of `WHEN`.
        counts: words of `AMOUNTS`, which are added up.
        cost: "ac" or "mac".
    """

    kinds: tuple[str, ...]
    when: str
    counts: tuple[str, ...]
    cost: str

    def amount(self, row: Count) -> float:
        """How many there are of a row."""
        if row.kind not in self.kinds or not WHEN[self.when](row):
            return 0.0
        return float(sum(AMOUNTS[word](row) for word in self.counts))


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Widths in bits, and how often each is moved; see `scope` of the convention."""

    word_bits: int
    weight_bits: int
    membrane_bits: int
    real_bits: int
    weight_accesses: int
    operand_accesses: int
    membrane_accesses: int

    def bits(self, row: Count) -> int:
        """Bits moved for a row, over all samples."""
        weights = row.weights_read * self.weight_bits * self.weight_accesses
        operands = sum(seen.elements * self._width(seen.kind, seen.highest) for seen in row.seen)
        membranes = _updates(row) * self.membrane_bits * self.membrane_accesses
        return weights + operands * self.operand_accesses + membranes

    def _width(self, kind: str, highest: int | None) -> int:
        if kind == "real" or highest is None:
            return self.real_bits
        return 2 if kind == "ternary" else max(1, highest.bit_length())


@dataclass(frozen=True, kw_only=True)
class Convention:
    """How counts become energy.

    Args:
        name: its word, or the path of its file.
        title, scope: what it is, and what it includes and leaves out.
        constants: prices by their words: "ac", "mac" and, with traffic, "access".
        charges: every one is applied to every row.
        traffic: None where memory is not counted.
    """

    name: str
    title: str
    scope: tuple[str, ...]
    constants: Mapping[str, Constant]
    charges: tuple[Charge, ...]
    traffic: Traffic | None = None

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What every figure rests on: scope, constants with their sources, and widths."""
        memory = () if self.traffic else ("Memory is not counted.",)
        prices = (f"{word}: {c.picojoules:g} pJ, {c.meaning} ({c.source})" for word, c in self.constants.items())
        widths = [f"{f.name} = {getattr(self.traffic, f.name)}" for f in fields(Traffic)] if self.traffic else []
        return (*self.scope, *memory, *prices, *([", ".join(widths)] if widths else []))


def list_conventions() -> list[str]:
    """The words of the conventions that come with the package."""
    return words_in(FOLDER)


def read_convention(convention: str | os.PathLike[str]) -> Convention:
    """A convention by its word, or from a file of one's own.

    Args:
        convention: a word of `list_conventions`, or the path of a TOML file (it ends in .toml).

    Raises:
        UnknownNameError: no convention of that word.
        ConfigError: the file cannot be read, or holds something else than it should.
    """
    return _convention(*_extended(*read_named("energy convention", FOLDER, convention)))


def _extended(name: str, table: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """With what it `extends` in it, one that comes with the package: its scope, constants and charges come first."""
    if "extends" not in table:
        return name, table
    checked(table, name, required={"extends": str, "title": str}, optional=_OPTIONAL)
    base = _extended(*read_named("energy convention", FOLDER, _known((table["extends"],), words_in(FOLDER), name)[0]))[
        1
    ]
    own = {word: value for word, value in table.items() if word != "extends"}
    joined: dict[str, Any] = {word: [*base[word], *own.get(word, [])] for word in ("scope", "charge")}
    return name, {**base, **own, **joined, "constants": {**base["constants"], **own.get("constants", {})}}


_OPTIONAL = {"scope": list, "constants": dict, "charge": list, "memory": dict}


def _convention(name: str, table: dict[str, Any]) -> Convention:
    required = {"title": str, "scope": list, "constants": dict, "charge": list}
    checked(table, name, required=required, optional={"memory": dict})
    traffic = _traffic(name, table["memory"]) if "memory" in table else None
    prices = ("ac", "mac") if traffic is None else ("ac", "mac", "access")
    checked(table["constants"], f"{name}: constants", required=dict.fromkeys(prices, dict), optional={})
    return Convention(
        name=name,
        title=table["title"],
        scope=strings(table["scope"], f"{name}: scope"),
        constants={word: _constant(f"{name}: constants.{word}", table["constants"][word]) for word in prices},
        charges=tuple(_charge(f"{name}: charge {index}", each) for index, each in enumerate(table["charge"], 1)),
        traffic=traffic,
    )


def _constant(where: str, table: dict[str, Any]) -> Constant:
    words = checked(table, where, required={"picojoules": float, "meaning": str, "source": str}, optional={})
    if not 0 <= words["picojoules"] < math.inf:
        raise ConfigError(f"{where}: an energy cannot be negative, nor without end; found {words['picojoules']}.")
    return Constant(**words)


def _charge(where: str, table: dict[str, Any]) -> Charge:
    checked(table, where, required={"kinds": list, "counts": list, "cost": str}, optional={"when": str})
    return Charge(
        kinds=_known(strings(table["kinds"], where), KINDS, f"{where}: kinds"),
        when=_known((table.get("when", "always"),), WHEN, f"{where}: when")[0],
        counts=_known(strings(table["counts"], where), AMOUNTS, f"{where}: counts"),
        cost=_known((table["cost"],), COSTS, f"{where}: cost")[0],
    )


def _known(words: tuple[str, ...], known: Iterable[str], where: str) -> tuple[str, ...]:
    known = tuple(known)
    for word in words:
        if word not in known:
            raise ConfigError(f"{where}: no {word!r}.{suggest(word, known)} Known: {', '.join(known)}.")
    return words


def _traffic(name: str, table: dict[str, Any]) -> Traffic:
    words = {field.name: int for field in fields(Traffic)}
    checked(table, f"{name}: memory", required=words, optional={})
    for word, value in table.items():
        if value < 0 or (word == "word_bits" and value == 0):
            raise ConfigError(f"{name}: memory: {word!r} must not be negative, nor a word have no bits; found {value}.")
    return Traffic(**table)
