"""Explain one model: paper, published results, licence, configuration. Or which words go with which family.

Examples:
  spikeformers info spikformer_4_384.cifar10
  spikeformers info spikingformer_8_512.imagenet --cite
  spikeformers info spikformer_4_384.cifar10 --json
  spikeformers info --compatibility
"""

from __future__ import annotations

from spikeformers import catalog
from spikeformers.cli.output import console, error_console, print_json
from spikeformers.errors import ConfigError, UnknownNameError
from spikeformers.report import tables


def run(name: str = "", /, *, cite: bool = False, compatibility: bool = False, json: bool = False) -> None:
    """Explain one model, or which words go with which family.

    Args:
        name: A name that `spikeformers list` shows.
        cite: Print only the BibTeX entry of the paper.
        compatibility: Build every family with every attention, neuron, norm, shortcut and so on, small, and print what
            runs, what streams, and why the rest is refused. No name is needed.
        json: Print one JSON document.
    """
    if compatibility:
        return _compatibility(name, json=json)
    if not name:
        raise ConfigError("Which model? `spikeformers list` shows the names; --compatibility needs none.")
    record = catalog.get(name)
    bibtex = record.paper.bibtex.strip()
    if cite and not bibtex:
        raise UnknownNameError(
            f"The catalogue knows no citation for {name!r}. `spikeformers info {name}` says what it knows."
        )
    if json:
        print_json({"bibtex": bibtex} if cite else record)
    elif cite:
        print(bibtex)
    else:
        console().print(tables.model_card(record))


def _compatibility(name: str, *, json: bool) -> None:
    if name:
        raise ConfigError(f"--compatibility is about all families; leave out {name!r}.")
    from rich.progress import track

    from spikeformers.models.compatibility import combinations, examine
    from spikeformers.report.compatibility import compatibility_table

    errors = error_console()
    what = "trying every family with every word"
    asked = combinations()
    if not errors.is_terminal:  # without the bar it would be silent for long
        errors.print(f"{what}: {len(asked):,} small models to build and run ...", soft_wrap=True)
    bar = track(asked, what, console=errors, transient=True, disable=not errors.is_terminal)
    cells = [examine(*combination) for combination in bar]
    if json:
        print_json(cells)
    else:
        console().print(compatibility_table(cells))
