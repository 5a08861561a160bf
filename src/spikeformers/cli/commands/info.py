"""Explain one model: paper, published results, licence, configuration.

Examples:
  spikeformers info spikformer_4_384.cifar10
  spikeformers info spikingformer_8_512.imagenet --cite
  spikeformers info spikformer_4_384.cifar10 --json
"""

from __future__ import annotations

from spikeformers import catalog
from spikeformers.cli.output import console, print_json
from spikeformers.errors import UnknownNameError
from spikeformers.report import tables


def run(name: str, /, *, cite: bool = False, json: bool = False) -> None:
    """Explain one model.

    Args:
        name: A name that `spikeformers list` shows.
        cite: Print only the BibTeX entry of the paper.
        json: Print one JSON document.
    """
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
