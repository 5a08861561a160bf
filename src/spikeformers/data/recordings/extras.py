"""Packages that only some formats need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from spikeformers.errors import DataError


def extra(module: str, purpose: str) -> ModuleType:
    """Import a module of the extra `events`; `purpose` says what needs it ("recordings in HDF5")."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise DataError(f"{purpose} need the package {package}: pip install 'spikeformers[events]'.") from error
