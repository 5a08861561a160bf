"""From the words on the command line to a call: the command's function tells tyro which arguments it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence

from spikeformers.cli.commands import COMMANDS, module
from spikeformers.errors import suggest
from spikeformers.version import __version__

HELP = ("-h", "--help")


def dispatch(words: Sequence[str]) -> int:
    """Run the command named by the first word with the remaining words; return the exit code."""
    if not words or words[0] in HELP:
        from spikeformers.cli.help import print_help

        print_help()
        return 0
    if words[0] == "--version":
        print(__version__)
        return 0
    if words[0] not in COMMANDS:
        return _unknown("spikeformers", words[0], COMMANDS)
    return call(words[0], words[1:])


def call(name: str, words: Sequence[str]) -> int:
    """Parse `words` as the arguments of command `name` and call it; return the exit code."""
    command = module(name)
    if not hasattr(command, "COMMANDS"):
        return _parse(command.run, f"spikeformers {name}", inspect.getdoc(command), words)
    if not words or words[0] in HELP:
        from spikeformers.cli.help import print_group_help

        print_group_help(name)
        return 0
    nested: dict[str, Callable[..., None]] = command.COMMANDS
    if words[0] not in nested:
        return _unknown(f"spikeformers {name}", words[0], nested)
    return _parse(nested[words[0]], f"spikeformers {name} {words[0]}", None, words[1:])


def _parse(run: Callable[..., None], prog: str, description: str | None, words: Sequence[str]) -> int:
    """Call `run` with what `words` say; its docstring describes it where `description` is None."""
    import tyro

    style = (
        tyro.conf.FlagCreatePairsOff,
        tyro.conf.PositionalMetavarFromFieldName,
        tyro.conf.DisallowNone,
        tyro.conf.UseAppendAction,  # an option that takes several values is given several times
    )
    try:
        tyro.cli(run, prog=prog, description=description, args=list(words), config=style)
    except SystemExit as stop:  # tyro's way to end after --help (0) or words it does not understand (2)
        return stop.code if isinstance(stop.code, int) else 1
    return 0


def _unknown(prog: str, word: str, known: Iterable[str]) -> int:
    from spikeformers.cli.output import error_console

    line = f"{prog} has no command {word!r}.{suggest(word, known)} `{prog} --help` lists them all."
    error_console().print(line, style="red", markup=False, soft_wrap=True)
    return 2
