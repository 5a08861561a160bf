"""N-MNIST by 10-fold cross-validation: the packaged spiking transformer, an MLP and a small CNN on the same frames.

    python benchmarks/nmnist.py --data-dir DIR

DIR holds Train/<digit>/<number>.bin; a recording's fold is its number modulo 10. The spiking transformer is what
`spikeformers crossval nmnist` trains, in runs that are not repeated where they are finished. The baselines are not
spiking: they see the frames of all time steps at once, as channels. They get the same frames, folds, augmentation,
number of epochs, schedule and loss; their peak learning rate is `RATE`, an ordinary one for AdamW. The accuracy is that
after the last epoch, no epoch is chosen. Results go to `nmnist.json` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from spikeformers.models import ModelConfig
from spikeformers.train import Recipe, cross_validate, evaluate, load_recipe
from spikeformers.train.assembly import intended_config
from spikeformers.train.feed import open_dataset, training_batches
from spikeformers.train.objective import cross_entropy
from spikeformers.train.plan import schedule_of, updates_per_epoch

RATE = 2e-3
RESULTS = Path(__file__).with_suffix(".json")


def mlp(config: ModelConfig, classes: int) -> nn.Module:
    """One hidden layer of 128 units over all pixels of all frames."""
    inputs = config.time_steps * config.in_channels * config.image_size[0] * config.image_size[1]
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, classes))


def cnn(config: ModelConfig, classes: int) -> nn.Module:
    """Three convolutions with pooling; the frames are its input channels."""
    widths = [config.time_steps * config.in_channels, 32, 64, 64]
    layers: list[nn.Module] = [nn.Flatten(1, 2)]
    for before, after in pairwise(widths):
        convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    pixels = (config.image_size[0] // 8) * (config.image_size[1] // 8)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * pixels, classes))


BASELINES: dict[str, Callable[[ModelConfig, int], nn.Module]] = {"MLP": mlp, "CNN": cnn}


def train_baseline(build: Callable[[ModelConfig, int], nn.Module], recipe: Recipe, data_dir: Path) -> dict[str, Any]:
    """Train on all folds but that of the recipe; return accuracy on it, parameters and seconds."""
    began = time.perf_counter()
    config = intended_config(recipe)
    dataset = open_dataset(recipe, config, data_dir)
    torch.manual_seed(recipe.seed)
    model = build(config, len(dataset.classes))
    words = recipe.optimizer
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": words.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=words.betas)
    batches = training_batches(dataset, recipe, workers=0)
    schedule = schedule_of(recipe, updates_per_epoch(batches, recipe))
    step = 0
    for epoch in range(schedule.total_epochs):
        model.train()
        for batch in batches.epoch(epoch):
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step) * RATE / recipe.peak_lr
            optimizer.zero_grad()
            loss = cross_entropy(model(batch.x), batch.targets, label_smoothing=recipe.loss.label_smoothing)
            loss.backward()
            optimizer.step()
            step += 1
    result = evaluate(model, dataset.test, batch_size=100, mean=dataset.mean, std=dataset.std)
    parameters = sum(weight.numel() for weight in model.parameters())
    return {"accuracy": result.accuracy, "parameters": parameters, "seconds": time.perf_counter() - began}


def summed_up(folds: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and spread over folds."""
    accuracies = [fold["accuracy"] for fold in folds]
    return {
        "mean": statistics.mean(accuracies),
        "spread": statistics.stdev(accuracies),
        "accuracies": accuracies,
        "parameters": folds[0]["parameters"],
        "seconds": sum(fold["seconds"] for fold in folds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="by default nmnist/ in the directory SPIKEFORMERS_DATA")
    parser.add_argument("--out", type=Path, default=Path("runs/nmnist-10-folds"))
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--results", type=Path, default=RESULTS)
    words = parser.parse_args()
    data_dir = words.data_dir or Path(os.environ.get("SPIKEFORMERS_DATA", ""), "nmnist")
    if not data_dir.is_dir():
        print(f"{data_dir}: N-MNIST is not there; name it by --data-dir. Nothing measured.")
        return
    recipe = load_recipe("nmnist")
    rows: dict[str, Any] = {}
    for name, build in BASELINES.items():
        plans = [replace(recipe, folds=words.folds, fold=fold) for fold in range(words.folds)]
        rows[name] = summed_up([train_baseline(build, plan, data_dir) for plan in plans])
        print(f"{name}: {rows[name]['mean']:.2%} +- {rows[name]['spread']:.2%}")
    runs = cross_validate(recipe, folds=words.folds, out=words.out, data_dir=data_dir).runs
    rows[runs[0].model_name] = summed_up(
        [{"accuracy": run.test_accuracy, "parameters": run.parameters, "seconds": run.seconds} for run in runs]
    )
    for name, row in rows.items():
        print(f"{name:28} {row['mean']:.2%} +- {row['spread']:.2%}, {row['parameters']:,} parameters")
    about = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "folds": words.folds,
        "epochs": recipe.schedule.total_epochs,
    }
    words.results.write_text(json.dumps({"about": about, "models": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
