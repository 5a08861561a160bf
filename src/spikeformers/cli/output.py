"""Where output goes: results to stdout, progress and complaints to stderr, and with `--json` one document."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from rich.console import Console

# Without a terminal nothing is known about the width; wide enough that `spikeformers list | grep` sees whole lines.
PIPE_WIDTH = 140
# In a narrower terminal the lines wrap; cutting them would cut figures.
LEAST_WIDTH = 80


class _QuietConsole(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would end the program itself; that is for `main` to decide


def console() -> Console:
    """Return the console for results (stdout)."""
    return _console(stderr=False)


def error_console() -> Console:
    """Return the console for progress and complaints (stderr)."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    made = _QuietConsole(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PIPE_WIDTH
    made.width = max(made.width, LEAST_WIDTH)
    return made


def print_json(result: Any) -> None:
    """Print `result` as one JSON document on stdout, in ASCII, so that no pipe's encoding can spoil it."""
    print(json.dumps(plain(result), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """Return `value` in the types of JSON: dataclasses become objects, tuples lists, paths text, nan and inf null.

    >>> plain({"loss": float("nan"), "shape": (1, 8, 8)})
    {'loss': None, 'shape': [1, 8, 8]}
    """
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
