"""Explain one model: paper, published results, licence, configuration.

Examples:
  spikeformers info spikformer_4_384.cifar10
  spikeformers info spikingformer_8_512.imagenet --cite
  spikeformers info spikformer_4_384.cifar10 --json
"""

from __future__ import annotations

from spikeformers import catalog
from spikeformers.cli.output import console, plain, print_json
from spikeformers.report import tables


def run(name: str, /, *, cite: bool = False, json: bool = False) -> None:
    """Explain one model.

    Args:
        name: A name that `spikeformers list` shows.
        cite: Print only the BibTeX entry of the paper.
        json: Print one JSON document.
    """
    record = catalog.get(name)
    if json:
        print_json({"bibtex": record.paper.bibtex} if cite else plain(record))
    elif cite:
        print(record.paper.bibtex.strip())
    else:
        console().print(tables.model_card(record))
