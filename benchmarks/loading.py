"""What loading and augmenting pictures costs beside a training step: CIFAR-10 (JPEG) from its zip, on the CPU.

    python benchmarks/loading.py --data-dir DIR

Batches and updates alternate in one process, as in training without worker processes; medians are reported. Decoding
the zip for the first time and opening it again are timed with a cache of their own. Results go to `loading.json` beside
this file. Two rows: the packaged recipe, and the augmentation of the papers' CIFAR recipes on the same model.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from spikeformers.train import Recipe, load_recipe
from spikeformers.train.assembly import goal_of, initial_state, intended_config
from spikeformers.train.feed import open_dataset, training_batches
from spikeformers.train.update import update

WARM_UP = 3
PAPERS = {"policy": "rand-m9-n1-mstd0.4-inc1", "hflip": 0.5, "mixup": 0.5, "erasing": 0.25}
RESULTS = Path(__file__).with_suffix(".json")


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long some work took, and what it gave."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


@contextmanager
def empty_cache() -> Iterator[None]:
    """Let decoded pictures go to a directory that ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SPIKEFORMERS_CACHE"] = folder
        yield


def alternate(recipe: Recipe, data_dir: Path, steps: int) -> dict[str, Any]:
    """Load a batch, train on it, and so on; return the medians in milliseconds."""
    dataset = open_dataset(recipe, intended_config(recipe), data_dir)
    state, goal = initial_state(recipe, dataset, "cpu"), goal_of(recipe, "cpu")
    batches = training_batches(dataset, recipe, workers=0).epoch(0)
    loading, training = [], []
    for _ in range(WARM_UP + steps):
        seconds, batch = timed(lambda: next(batches))
        loading.append(seconds)
        training.append(timed(lambda batch=batch: update(state, goal, [batch], rate=1e-3))[0])
    load, step = (1000 * statistics.median(times[WARM_UP:]) for times in (loading, training))
    return {
        "batch_size": recipe.batch_size,
        "parameters": sum(parameter.numel() for parameter in state.model.parameters()),
        "loading_ms": round(load, 2),
        "step_ms": round(step, 1),
        "loading_over_step": round(load / step, 4),
        "steps": steps,
    }


def main() -> None:
    """Read the command line, measure, print and keep."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data-dir", type=Path, default=os.environ.get("SPIKEFORMERS_DATA"))
    words.add_argument("--steps", type=int, default=40)
    given = words.parse_args()
    if given.data_dir is None:
        print("CIFAR-10 (JPEG) is not here: name its directory with --data-dir or SPIKEFORMERS_DATA. Nothing measured.")
        return
    recipe = load_recipe("cifar10_jpeg")
    papers = load_recipe("cifar10_jpeg", augment={"crop_padding": 0, **PAPERS})
    with empty_cache():
        first, _ = timed(lambda: open_dataset(recipe, intended_config(recipe), given.data_dir))
        again, _ = timed(lambda: open_dataset(recipe, intended_config(recipe), given.data_dir))
        rows = {
            "packaged recipe": alternate(recipe, given.data_dir, given.steps),
            "augmentation of the papers": alternate(papers, given.data_dir, given.steps),
        }
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "torch": str(torch.__version__),
        "decode_first_s": round(first, 2),
        "open_again_s": round(again, 2),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
