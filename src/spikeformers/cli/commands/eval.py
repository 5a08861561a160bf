"""Measure the accuracy of a trained model on test images.

Without --dataset they are those of the data set the model was trained on. A run
directory stands for its last checkpoint.

Examples:
  spikeformers eval runs/digits_spikformer
  spikeformers eval runs/digits_spikformer/last.safetensors --json
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
    batch_size: int = 100,
    device: str = "cpu",
    json: bool = False,
) -> None:
    """Measure accuracy.

    Args:
        run_or_checkpoint: Directory of a run, or a checkpoint file.
        dataset: Name of a data set. None: the one the model was trained on.
        data_dir: Directory of the data set. None: the place its installer uses.
        batch_size: Images computed at once.
        device: Where to compute: cpu, cuda, cuda:1 ...
        json: Print one JSON document with the key "accuracy" (0 to 1) and more.
    """
    from spikeformers.cli.devices import usable_device
    from spikeformers.cli.trained import open_trained
    from spikeformers.data import load_dataset
    from spikeformers.train import evaluate

    trained = open_trained(run_or_checkpoint, dataset)
    data = load_dataset(trained.dataset, data_dir)
    result = evaluate(
        trained.model.to(usable_device(device)),
        data.test,
        batch_size=batch_size,
        mean=trained.mean or data.mean,
        std=trained.std or data.std,
    )
    if json:
        facts = {"model": trained.name, "dataset": data.name, "checkpoint": trained.checkpoint}
        print_json({**result.to_dict(), **facts})
    else:
        console().print(tables.evaluation(result, model=trained.name, dataset=f"{data.name}, test images"))
