"""Building every model to count it: what `list --published` compares with the authors' figures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from rich.progress import track

from spikeformers.catalog import Record
from spikeformers.cli.output import error_console
from spikeformers.models import create_model
from spikeformers.report.results import Compared


def compare(records: Sequence[Record]) -> list[Compared]:
    """Count the parameters of each model, with a bar on stderr while it lasts; weights take no memory."""
    console = error_console()
    bar = track(records, "counting parameters", console=console, transient=True, disable=not console.is_terminal)
    return [
        Compared(
            name=record.name,
            parameters=_count(record.name),
            published_parameters=record.published_parameters,
            published=record.published,
        )
        for record in bar
    ]


def _count(name: str) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in create_model(name).parameters())
