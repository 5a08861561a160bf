"""Measure the accuracy of a trained model on test samples: images, or recordings of events.

Without --dataset they are those of the data set the model was trained on. A run
directory stands for its last checkpoint. With several --time-steps the model is
measured with each of them, without training it again; recordings are cut into
as many frames.

Examples:
  spikeformers eval runs/digits_spikformer
  spikeformers eval runs/digits_spikformer --time-steps 1..8
  spikeformers eval runs/digits_spikformer/best.safetensors --json
  spikeformers eval model.safetensors --dataset fashion_mnist --data-dir ~/data/fashion-mnist
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spikeformers.cli.output import console, error_console, print_json
from spikeformers.report import tables

if TYPE_CHECKING:
    from spikeformers.cli.trained import Trained
    from spikeformers.train import OverTime


def run(
    run_or_checkpoint: Path,
    /,
    *,
    dataset: str | None = None,
    data_dir: Path | None = None,
    time_steps: str | None = None,
    batch_size: int = 100,
    workers: int | None = None,
    device: str = "cpu",
    json: bool = False,
) -> None:
    """Measure accuracy.

    Args:
        run_or_checkpoint: Directory of a run, or a checkpoint file.
        dataset: Name of a data set. None: the one the model was trained on.
        data_dir: Directory of the data set. None: the place its installer uses.
        time_steps: Time steps to measure with: 4, 1,2,4 or 1..8. None: the model's own.
        batch_size: Samples computed at once.
        workers: Processes that read samples ahead. None: as many as there is work for.
        device: Where to compute: cpu, cuda, cuda:1 ...
        json: Print one JSON document with the key "accuracy" (0 to 1) and more.
    """
    from spikeformers.cli.devices import usable_device
    from spikeformers.cli.time_steps import parse_time_steps
    from spikeformers.cli.trained import open_trained
    from spikeformers.data import holds_events
    from spikeformers.train import evaluate_over_time
    from spikeformers.train.feed import enough_workers

    steps = None if time_steps is None else parse_time_steps(time_steps)
    trained, where = open_trained(run_or_checkpoint, dataset), usable_device(device)
    rows = []
    data = trained.open(data_dir)
    for number in steps or (trained.model.config.time_steps,):
        if holds_events(trained.dataset) and steps:  # recordings are cut into as many frames
            data = trained.open(data_dir, time_steps=number)
        rows += evaluate_over_time(
            trained.checkpoint,
            data.test,
            (number,),
            batch_size=batch_size,
            mean=data.mean,
            std=data.std,
            workers=enough_workers(data.test) if workers is None else workers,
            device=where,
        )
    show(rows, trained, data.name, json=json)


def show(rows: Sequence[OverTime], trained: Trained, dataset: str, *, json: bool) -> None:
    """Print results; samples that could not be read are named on stderr as well."""
    from spikeformers.cli.progress import unreadable_lines
    from spikeformers.report.over_time import over_time
    from spikeformers.report.samples import noun_of

    noun = noun_of(trained.dataset)
    unreadable = tuple(dict.fromkeys(name for row in rows for name in row.result.unreadable))
    if unreadable:
        error_console().print(unreadable_lines(unreadable, noun), markup=False, soft_wrap=True)
    facts = {"model": trained.name, "dataset": dataset, "checkpoint": trained.checkpoint}
    about = {"model": trained.name, "dataset": f"{dataset}, test {noun.many}"}
    if json:
        print_json({"over_time": rows, **facts} if len(rows) > 1 else {**rows[0].to_dict(), **facts})
    elif len(rows) > 1:
        console().print(over_time(rows, **about, trained_with=trained.model.config.time_steps))
    else:
        console().print(tables.evaluation(rows[0].result, **about))
