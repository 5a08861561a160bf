"""Train a small Spikformer and a small Spikingformer, and show what they learnt and cost.

They learn the 8 x 8 digits that come with the package: nothing is downloaded.
Checkpoints, logs, a picture and a page about both are written; a second run
replaces them and repeats the same figures.

Examples:
  spikeformers demo
  spikeformers demo --epochs 3 --out runs/quick
  spikeformers demo --json > figures.json
"""

from __future__ import annotations

from pathlib import Path

from spikeformers.cli.output import console, print_json
from spikeformers.report import profile, tables

CONVENTIONS = ("neurobench", "paper", "exact")


def run(*, out: Path = Path("demo"), epochs: int | None = None, json: bool = False) -> None:
    """Train and show two small models.

    Args:
        out: Directory for checkpoints, logs, the picture and the page.
        epochs: Number of epochs, for a shorter look. None: the recipes'.
        json: Print one JSON document.
    """
    from spikeformers.cli.demonstration import demonstrate

    demo = demonstrate(out, epochs)
    if json:
        print_json(demo)
        return
    page = console()
    for model in demo.models:
        page.print(tables.firing(model.firing, f"{model.label}: firing rate on {demo.held_out} held-out digits"))
    page.print(tables.comparison(demo.models, f"Accuracy on {demo.held_out} held-out digits"))
    page.print(profile.energies({each.label: each.profile for each in demo.studies}, demo.studies[0].on, CONVENTIONS))
    page.print(tables.listing("Written", [(str(path), what) for path, what in demo.files.items()]))
    page.print(tables.listing("What to try next", _next_steps(out)))


def _next_steps(out: Path) -> list[tuple[str, str]]:
    return [
        (f"spikeformers predict {out}/spikformer {out}/digit.png", "what a model says about one image"),
        (f"spikeformers eval {out}/spikingformer", "accuracy of a checkpoint"),
        (f"spikeformers audit {out}/spikformer", "whether it is spike-driven, and where not"),
        ("spikeformers train digits_spikformer --seed 1", "a training run of your own"),
        ("spikeformers list", "the published models"),
    ]
