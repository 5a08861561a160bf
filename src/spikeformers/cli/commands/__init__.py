"""One file per command: `run` is what tyro calls, its docstring explains the arguments, the module's is the help."""

from __future__ import annotations

import importlib
from types import ModuleType

# In the order a newcomer meets them. Each is a file in this folder with a function `run`,
# or with functions of its own by name in `COMMANDS`.
COMMANDS = (
    "demo",
    "list",
    "info",
    "recipes",
    "train",
    "crossval",
    "ablate",
    "runs",
    "data",
    "simulate",
    "eval",
    "predict",
    "profile",
    "audit",
    "robustness",
    "report",
    "events",
    "inspect",
    "convert",
    "doctor",
)


def module(name: str) -> ModuleType:
    """Return the module of command `name`; its docstring is the command's help."""
    return importlib.import_module(f"spikeformers.cli.commands.{name}")
