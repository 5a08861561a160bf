"""The models known by name: the packaged files, and those a user adds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from spikeformers.catalog.reader import read_family
from spikeformers.catalog.records import Record, Variant
from spikeformers.errors import ConfigError, UnknownNameError, suggest


class Shelf:
    """A collection of catalogue files."""

    def __init__(self, paths: Iterable[str | os.PathLike[str]] = ()) -> None:
        self._records: dict[str, Record] = {}
        self._variants: dict[tuple[str, str], Variant] = {}
        for path in paths:
            self.add(path)

    def add(self, path: str | os.PathLike[str]) -> None:
        """Add the models of one catalogue file, all of them or, when something is wrong, none.

        Raises:
            ConfigError: the file is damaged, or a name in it is taken.
        """
        family = read_family(path)
        records = {record.name: record for record in family.records}
        variants = {(variant.system, variant.name): variant for variant in family.variants}
        for name in records:
            if name in self._records:
                raise ConfigError(f"{path}: the catalogue already has a model called {name!r}. Choose another name.")
        for system, form in variants:
            if (system, form) in self._variants:
                raise ConfigError(f"{path}: the system {system!r} already has a variant {form!r}. Choose another name.")
        self._records |= records
        self._variants |= variants

    def names(self, pattern: str = "*") -> list[str]:
        """Return the names that match a pattern with `*` and `?`, in the order of the files."""
        return [name for name in self._records if fnmatchcase(name, pattern)]

    def families(self) -> list[str]:
        """Return the families that have a model."""
        return list(dict.fromkeys(record.family for record in self._records.values()))

    def get(self, name: str) -> Record:
        """Return the record of one model; its `config` is the caller's to change.

        Raises:
            UnknownNameError: there is no such model; the message offers the nearest names.
        """
        if name not in self._records:
            near = suggest(name, self._records)
            raise UnknownNameError(f"No model is called {name!r}.{near} `spikeformers list` shows every name.")
        record = self._records[name]
        return replace(record, config=dict(record.config))

    def variant(self, system: str, name: str) -> Variant:
        """Return what the authors' code fixes for one form of a system; its `config` is the caller's to change.

        Raises:
            UnknownNameError: there is no such system or form; the message says which there are.
        """
        systems = dict.fromkeys(known for known, _ in self._variants)
        if system not in systems:
            raise UnknownNameError(
                f"No system is called {system!r}.{suggest(system, systems)} There are: {', '.join(systems)}."
            )
        names = [form for known, form in self._variants if known == system]
        if name not in names:
            raise UnknownNameError(
                f"{system!r} has no variant {name!r}.{suggest(name, names)} It has: {', '.join(names)}."
            )
        variant = self._variants[system, name]
        return replace(variant, config=dict(variant.config))


@cache
def packaged() -> Shelf:
    """Return the shelf of this process, read from the packaged files when first asked for."""
    return Shelf(sorted((Path(__file__).parent / "families").glob("*.toml")))
