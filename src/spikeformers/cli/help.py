"""The page `spikeformers --help`: every command with its one line, and what to try first."""

from __future__ import annotations

import inspect

from rich.text import Text

from spikeformers.cli.commands import COMMANDS, module
from spikeformers.cli.output import console
from spikeformers.report import tables
from spikeformers.version import __version__

EXAMPLES = (
    ("spikeformers demo", "train two small models on embedded digits"),
    ('spikeformers list "*imagenet"', "which models there are"),
    ("spikeformers info spikformer_4_384.cifar10 --cite", "where one comes from"),
    ("spikeformers recipes list", "what can be trained with one word"),
    ("spikeformers train digits_spikformer --out runs/first", "train by a recipe"),
    ("spikeformers eval runs/first --json", "accuracy of a run, for a script"),
    ("spikeformers inspect checkpoint.pth", "what a file of a paper's authors is"),
)

CLOSING = """
`spikeformers COMMAND --help` explains a command, `spikeformers --version` prints the version.
With --json a command prints one JSON document on stdout; progress and errors go to stderr.
SPIKEFORMERS_DEBUG=1 shows the traceback of an error."""


def print_help() -> None:
    """Print the page on stdout."""
    page = console()
    page.print(Text.assemble(("spikeformers", "bold"), f" {__version__}: spiking transformers, trained and measured"))
    page.print("\nUsage: spikeformers COMMAND [ARGUMENTS]", markup=False)
    page.print(tables.listing("Commands", [(name, summary(name)) for name in COMMANDS]))
    page.print(tables.listing("Examples", EXAMPLES))
    page.print(CLOSING, markup=False)


def print_group_help(name: str) -> None:
    """Print on stdout the page of a command that has commands of its own."""
    command = module(name)
    title, _, rest = (inspect.getdoc(command) or "").partition("\n")
    page = console()
    page.print(f"usage: spikeformers {name} COMMAND [ARGUMENTS]\n\n{title}", markup=False)
    page.print(tables.listing("Commands", [(word, _first_line(run)) for word, run in command.COMMANDS.items()]))
    page.print(f"{rest}\n\n`spikeformers {name} COMMAND --help` explains a command.", markup=False)


def summary(name: str) -> str:
    """Return the first line of the help of command `name`, without its full stop."""
    return _first_line(module(name))


def _first_line(described: object) -> str:
    return (inspect.getdoc(described) or "").partition("\n")[0].removesuffix(".")
