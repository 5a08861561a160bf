"""Say what this machine offers, which backends are used, and why.

Everything is found out by trying: versions, cores, GPUs, data sets, extras.

Examples:
  spikeformers doctor
  spikeformers doctor --json
"""

from __future__ import annotations

from spikeformers.cli.output import console, print_json
from spikeformers.report import tables


def run(*, json: bool = False) -> None:
    """Examine the machine.

    Args:
        json: Print one JSON document.
    """
    from spikeformers.cli.examination import examine

    facts = examine()
    if json:
        print_json({"facts": facts})
    else:
        console().print(tables.environment(facts))
