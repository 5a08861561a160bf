"""Which implementation runs an operation, and why.

`SPIKEFORMERS_BACKEND` forces one for the whole process: "reference" is plain PyTorch and always there. Without it each
operation takes the fastest implementation it has.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from spikeformers.errors import ConfigError, suggest

VARIABLE = "SPIKEFORMERS_BACKEND"
BACKENDS = ("reference", "native", "triton")

# Operation -> the implementations it has, fastest first.
IMPLEMENTED: dict[str, tuple[str, ...]] = {"lif": ("reference",)}


class Choice(NamedTuple):
    """What runs an operation."""

    operation: str
    backend: str
    reason: str


def choose(operation: str) -> Choice:
    """The implementation in use for an operation.

    Raises:
        ConfigError: SPIKEFORMERS_BACKEND names no backend, or one this operation does not have.
    """
    available = IMPLEMENTED[operation]
    forced = os.environ.get(VARIABLE, "")
    if not forced:
        return Choice(operation, available[0], "the fastest there is")
    if forced not in BACKENDS:
        raise ConfigError(
            f"{VARIABLE}={forced!r} is no backend.{suggest(forced, BACKENDS)} Known: {', '.join(BACKENDS)}."
        )
    if forced not in available:
        raise ConfigError(
            f"{VARIABLE}={forced}, but {operation} has no {forced} implementation (there is: {', '.join(available)}). "
            f"Unset {VARIABLE}."
        )
    return Choice(operation, forced, f"{VARIABLE} says so")


def describe() -> list[Choice]:
    """What runs each operation."""
    return [choose(operation) for operation in IMPLEMENTED]
