"""List the models of the catalogue with size, input and data set.

Examples:
  spikeformers list
  spikeformers list "spikingformer*"
  spikeformers list "*imagenet" --json
  spikeformers list --published
"""

from __future__ import annotations

from spikeformers import catalog
from spikeformers.cli.output import console, print_json
from spikeformers.errors import UnknownNameError, suggest
from spikeformers.report import tables


def run(pattern: str = "*", /, *, published: bool = False, json: bool = False) -> None:
    """List models.

    Args:
        pattern: Which names; `*` stands for any letters.
        published: Build every model, count its parameters, and print them beside the authors' figures.
        json: Print one JSON document.
    """
    records = [catalog.get(name) for name in catalog.names(pattern)]
    if not records:
        near = suggest(pattern.strip("*"), catalog.names())
        raise UnknownNameError(f"No model matches {pattern!r}.{near} `spikeformers list` shows every name.")
    if published:
        from spikeformers.cli.published import compare

        rows = compare(records)
        if json:
            print_json(rows)
        else:
            console().print(tables.published_list(rows))
    elif json:
        print_json(records)
    else:
        console().print(tables.model_list(records))
