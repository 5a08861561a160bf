"""The page `spikeformers --help`: every command with its one line, and what to try first."""

from __future__ import annotations

import inspect

from rich.text import Text

from spikeformers.cli.dispatch import COMMANDS, module
from spikeformers.cli.output import console
from spikeformers.report import tables
from spikeformers.version import __version__

EXAMPLES = (
    ("spikeformers demo", "train two small models on embedded digits"),
    ('spikeformers list "*imagenet"', "which models there are"),
    ("spikeformers info spikformer_4_384.cifar10 --cite", "where one comes from"),
    ("spikeformers train digits_spikformer --out runs/first", "train by a recipe"),
    ("spikeformers eval runs/first --json", "accuracy of a run, for a script"),
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


def summary(name: str) -> str:
    """Return the first line of the help of command `name`, without its full stop."""
    return (inspect.getdoc(module(name)) or "").partition("\n")[0].removesuffix(".")
