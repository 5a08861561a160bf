"""From the words on the command line to a call: the command's function tells tyro which arguments it takes."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from types import ModuleType

from spikeformers.errors import suggest
from spikeformers.version import __version__

# In the order a newcomer meets them. Each is a file in `commands/` with a function `run`.
COMMANDS = ("demo", "list", "info", "train", "eval", "predict", "doctor")


def dispatch(words: Sequence[str]) -> int:
    """Run the command named by the first word with the remaining words; return the exit code."""
    if not words or words[0] in ("-h", "--help"):
        from spikeformers.cli.help import print_help

        print_help()
        return 0
    if words[0] == "--version":
        print(__version__)
        return 0
    if words[0] not in COMMANDS:
        from spikeformers.cli.output import error_console

        hint = suggest(words[0], COMMANDS)
        line = f"There is no command {words[0]!r}.{hint} `spikeformers --help` lists them all."
        error_console().print(line, style="red", markup=False, soft_wrap=True)
        return 2
    return call(words[0], words[1:])


def call(name: str, words: Sequence[str]) -> int:
    """Parse `words` as the arguments of command `name` and call it; return the exit code."""
    import tyro

    command = module(name)
    run: Callable[..., None] = command.run
    style = (tyro.conf.FlagCreatePairsOff, tyro.conf.PositionalMetavarFromFieldName, tyro.conf.DisallowNone)
    try:
        tyro.cli(run, prog=f"spikeformers {name}", description=inspect.getdoc(command), args=list(words), config=style)
    except SystemExit as stop:  # tyro's way to end after --help (0) or words it does not understand (2)
        return stop.code if isinstance(stop.code, int) else 1
    return 0


def module(name: str) -> ModuleType:
    """Return the module of command `name`; its docstring is the command's help."""
    return importlib.import_module(f"spikeformers.cli.commands.{name}")
