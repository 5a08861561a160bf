"""Published models as data: name, configuration, size, published results, paper. No torch here.

The files are `families/*.toml`, one per family; `reader` says how they read.
"""

from __future__ import annotations

import os

from spikeformers.catalog.records import Paper, Record, Result, Variant
from spikeformers.catalog.shelf import packaged

__all__ = ["Paper", "Record", "Result", "Variant", "add", "families", "get", "names", "variant"]


def names(pattern: str = "*") -> list[str]:
    """Return the model names that match a pattern with `*` and `?`, family by family.

    >>> names("spikformer_4_*.cifar10")
    ['spikformer_4_256.cifar10', 'spikformer_4_384.cifar10']
    """
    return packaged().names(pattern)


def get(name: str) -> Record:
    """Return the record of one model.

    Raises:
        UnknownNameError: there is no such model; the message offers the nearest names.
    """
    return packaged().get(name)


def families() -> list[str]:
    """Return the families that have a model."""
    return packaged().families()


def variant(system: str, name: str) -> Variant:
    """Return what the authors' code fixes for one form of a system, such as ("spikformer", "imagenet").

    Raises:
        UnknownNameError: there is no such system or form; the message says which there are.
    """
    return packaged().variant(system, name)


def add(path: str | os.PathLike[str]) -> None:
    """Add the models of a catalogue file of your own to this process; `reader` says how such a file reads.

    Raises:
        ConfigError: the file is damaged or a name in it is taken; nothing of it is added.
    """
    packaged().add(path)
