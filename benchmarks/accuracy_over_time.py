"""Accuracy over wall time of one recipe: CIFAR-10 (re-compressed as JPEG) with QKFormer's, unless others are named.

    python benchmarks/accuracy_over_time.py --device cuda --data-dir DIR --minutes 25  # DIR holds cifar10_jpeg.zip
    python benchmarks/accuracy_over_time.py --recipe digits_qkformer --minutes 1

It is one `spikeformers train`, asked to stop when the minutes are over; given again, it goes on where it was, and one
that is finished is only read. Accuracy is that of the part the recipe evaluates on after every epoch, as the run's
`log.jsonl` has it; seconds are those of `times.jsonl`, evaluation included. Table and picture go to
`accuracy_over_time.json` and `.png` beside this file. Nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import Any

from spikeformers.files import atomic_write

RESULTS = Path(__file__).with_suffix(".json")
RECIPE, ON_CIFAR = "qkformer_cifar10", ("dataset=cifar10_jpeg", "precision=bfloat16")


def train(given: argparse.Namespace) -> None:
    """Let the run go on for the given minutes, or to its end."""
    if (given.run / "result.json").exists():
        return
    command = [sys.executable, "-m", "spikeformers", "train", given.recipe, "--out", str(given.run)]
    command += [f"--set={word}" for word in given.set] + ["--device", given.device]
    command += [] if given.data_dir is None else ["--data-dir", str(given.data_dir)]
    process = subprocess.Popen(command)
    try:
        code = process.wait(60 * given.minutes)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        process.wait()
        return
    if code:
        sys.exit(f"Training ended with {code}; what it printed says why.")


def curve(run: Path) -> list[dict[str, Any]]:
    """Epoch, seconds since the start, and accuracy, of every finished epoch."""
    log, times = (_lines(run / name) for name in ("log.jsonl", "times.jsonl"))
    since_start = accumulate(time["seconds"] for time in times)
    return [
        {"epoch": epoch["epoch"], "seconds": seconds, "part": epoch["eval_part"], "accuracy": epoch["eval_accuracy"]}
        for epoch, seconds in zip(log, since_start, strict=False)  # of an unfinished epoch there is a time, no figures
    ]


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def draw(points: Sequence[dict[str, Any]], title: str, path: Path) -> None:
    """One line, minutes to the right."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    axis.plot([point["seconds"] / 60 for point in points], [100 * point["accuracy"] for point in points], marker=".")
    axis.set(title=title, xlabel="minutes of training and evaluation", ylabel=f"{points[-1]['part']} accuracy (%)")
    axis.grid(alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    plt.close(figure)
    with atomic_write(path) as file:
        file.write(picture.getvalue())


def options() -> argparse.Namespace:
    """Read the command line."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--recipe", default=RECIPE)
    words.add_argument("--set", action="append", help=f"words of the recipe; default for {RECIPE}: {ON_CIFAR}")
    words.add_argument("--data-dir", type=Path, default=None)
    words.add_argument("--device", default="cpu")
    words.add_argument("--minutes", type=float, default=25)
    words.add_argument("--run", type=Path, default=None, help="default: runs/over_time/RECIPE")
    words.add_argument("--out", type=Path, default=RESULTS)
    given = words.parse_args()
    given.run = given.run or Path("runs/over_time") / Path(given.recipe).stem
    given.set = given.set or (ON_CIFAR if given.recipe == RECIPE else ())
    return given


def main() -> None:
    """Train, print and keep."""
    given = options()
    train(given)
    points = curve(given.run)
    if not points:
        sys.exit("No epoch was finished. Give it more --minutes; the next call goes on where this one was.")
    results = {
        "date": datetime.now(UTC).date().isoformat(),
        "torch": version("torch"),
        "device": given.device,
        "recipe": given.recipe,
        "words": list(given.set),
        "finished": (given.run / "result.json").exists(),
        "points": points,
    }
    with atomic_write(given.out) as file:
        file.write((json.dumps(results, indent=2) + "\n").encode())
    draw(points, given.recipe, given.out.with_suffix(".png"))
    for point in points:
        print(f"{point['epoch']:5} {point['seconds'] / 60:8.1f} min {100 * point['accuracy']:7.2f} %")


if __name__ == "__main__":
    main()
