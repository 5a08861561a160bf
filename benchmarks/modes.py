"""Accuracy and time of training on Fashion-MNIST in each mode: one recipe, the same seeds, computed in other ways.

    python benchmarks/modes.py                 # three modes, three seeds, three epochs
    python benchmarks/modes.py --data-dir DIR

Each cell is one `spikeformers train fashion_mnist` with the words of docs/ablations.md's base, in a process of its own;
modes take turns within a seed, so that a slow hour slows all of them. Its run stays in `--runs` (runs/modes): a
finished one is read, an unfinished one goes on. Results go to `modes.json` beside this file: mean and standard
deviation of the test accuracy over seeds, and seconds of training, evaluation included, as the run's `result.json` has
them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spikeformers.files import atomic_write

RESULTS = Path(__file__).with_suffix(".json")
WORDS = ("model.config.dim=32", "model.config.time_steps=2")  # as docs/ablations.md's base
BASE = "float32, reference"


@dataclass(frozen=True)
class Mode:
    """How a recipe is computed: words of the recipe, and SPIKEFORMERS_BACKEND."""

    words: tuple[str, ...] = ()
    backend: str = ""


MODES = {
    "float32": Mode(),
    "bfloat16": Mode(words=("precision=bfloat16",)),
    BASE: Mode(backend="reference"),
}


def train(mode: Mode, seed: int, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The result of one run, trained unless it is finished."""
    result = out / "result.json"
    if not result.exists():
        words = [f"--set={word}" for word in (*WORDS, *mode.words)]
        where = [] if options.data_dir is None else ["--data-dir", str(options.data_dir)]
        command = [sys.executable, "-m", "spikeformers", "train", options.recipe, "--out", str(out), *where, *words]
        threads = {"OMP_NUM_THREADS": str(options.threads), "MKL_NUM_THREADS": str(options.threads)}
        environment = {**os.environ, **threads, "SPIKEFORMERS_BACKEND": mode.backend}
        subprocess.run(
            [*command, "--seed", str(seed), "--epochs", str(options.epochs)], env=environment, check=True
        )  # fmt: skip
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def summary(runs: Mapping[str, Sequence[dict[str, Any]]], base: str = BASE) -> dict[str, Any]:
    """Mean and spread of each mode's accuracy, its difference to the base's, and how many times faster it is.

    The difference is within the spread where it is at most two of its standard errors.
    """
    found: dict[str, Any] = {}
    truth = [run["test_accuracy"] for run in runs[base]]
    for name, results in runs.items():
        accuracies, seconds = ([run[word] for run in results] for word in ("test_accuracy", "seconds"))
        difference = statistics.mean(accuracies) - statistics.mean(truth)
        error = (_variance(accuracies) / len(accuracies) + _variance(truth) / len(truth)) ** 0.5
        found[name] = {
            "accuracies": accuracies,
            "mean": statistics.mean(accuracies),
            "standard_deviation": _variance(accuracies) ** 0.5,
            "difference": difference,
            "standard_error": error,
            "within_spread": abs(difference) <= 2 * error if len(accuracies) > 1 else None,
            "seconds": seconds,
            "median_seconds": statistics.median(seconds),
            "times_faster": statistics.median(
                other["seconds"] / run["seconds"] for run, other in zip(results, runs[base], strict=True)
            ),
        }
    return found


def _variance(values: Sequence[float]) -> float:
    return statistics.variance(values) if len(values) > 1 else 0.0


def options() -> argparse.Namespace:
    """Read the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data-dir", type=Path, default=None, help="default: where the data set's installer puts it")
    words.add_argument("--recipe", default="fashion_mnist")
    words.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    words.add_argument("--epochs", type=int, default=3)
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--runs", type=Path, default=Path("runs/modes"))
    words.add_argument("--out", type=Path, default=RESULTS)
    return words.parse_args()


def main() -> None:
    """Train what is missing, print and keep."""
    given = options()
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in MODES}
    for seed in given.seeds:
        for name, mode in MODES.items():
            # What makes another run is in its name, so that no run is read in the place of another.
            study = f"{Path(given.recipe).stem}-{given.epochs}epochs-{given.threads}threads"
            place = given.runs / study / f"{name.replace(', ', '_')}-{seed}"
            runs[name].append(train(mode, seed, place, given))
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {given.threads} threads",
        "torch": version("torch"),
        "recipe": given.recipe,
        "words": list(WORDS),
        "epochs": given.epochs,
        "seeds": given.seeds,
        "base": BASE,
        "modes": summary(runs),
    }
    text = json.dumps(results, indent=2) + "\n"
    with atomic_write(given.out) as file:
        file.write(text.encode())
    print(text)


if __name__ == "__main__":
    main()
