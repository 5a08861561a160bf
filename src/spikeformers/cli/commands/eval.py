"""Measure the accuracy of a trained model on test images.

Without --dataset they are those of the data set the model was trained on. A run
directory stands for its last checkpoint. With several --time-steps the model is
measured with each of them, without training it again.

Examples:
  spikeformers eval runs/digits_spikformer
  spikeformers eval runs/digits_spikformer --time-steps 1..8
  spikeformers eval runs/digits_spikformer/best.safetensors --json
  spikeformers eval model.safetensors --dataset fashion_mnist --data-dir ~/data/fashion-mnist
"""

from __future__ import annotations

from pathlib import Path

from spikeformers.cli.output import console, print_json
from spikeformers.report import tables


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
        batch_size: Images computed at once.
        workers: Processes that read images ahead. None: as many as there is work for.
        device: Where to compute: cpu, cuda, cuda:1 ...
        json: Print one JSON document with the key "accuracy" (0 to 1) and more.
    """
    from spikeformers.cli.devices import usable_device
    from spikeformers.cli.time_steps import parse_time_steps
    from spikeformers.cli.trained import open_trained
    from spikeformers.models import adapt
    from spikeformers.report.over_time import OverTime, over_time
    from spikeformers.train import evaluate
    from spikeformers.train.feed import enough_workers

    steps = () if time_steps is None else parse_time_steps(time_steps)
    trained, where = open_trained(run_or_checkpoint, dataset), usable_device(device)
    data = trained.open(data_dir)
    models = [adapt(trained.checkpoint, time_steps=number)[0] for number in steps] or [trained.model]
    results = [
        evaluate(
            model.to(where),
            data.test,
            batch_size=batch_size,
            mean=data.mean,
            std=data.std,
            workers=enough_workers(data.test) if workers is None else workers,
        )
        for model in models
    ]
    facts = {"model": trained.name, "dataset": data.name, "checkpoint": trained.checkpoint}
    about = {"model": trained.name, "dataset": f"{data.name}, test images"}
    if len(results) > 1:
        rows = [OverTime(time_steps=number, result=row) for number, row in zip(steps, results, strict=True)]
        if json:
            print_json({"over_time": rows, **facts})
        else:
            console().print(over_time(rows, **about, trained_with=trained.model.config.time_steps))
    elif json:
        time = {"time_steps": models[0].config.time_steps}
        print_json({**results[0].to_dict(), **facts, **time})
    else:
        console().print(tables.evaluation(results[0], **about))
