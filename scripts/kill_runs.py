"""Kill training runs with SIGKILL at random moments and see whether they end as an undisturbed one does.

    python scripts/kill_runs.py --kills 200 --write docs/reliability.md

Every run is the command `spikeformers train` with worker processes, an averaged copy of the weights, a loss scaler,
mixed samples and states saved within epochs. It is started again and again, killed at a random moment each time, until
one start is left alone. Then weights, optimizer, averages, scaler, random states and log are compared, byte by byte,
with those of a run that nothing disturbed. Every third kill waits for a save to begin and strikes within a few
milliseconds of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

RECIPE = """
description = "A run short enough to be killed often"
dataset = "digits"
validation = 0.1
batch_size = 64
accumulate = 2
precision = "float16"
ema = 0.9

[model]
name = "spikformer_2_64.digits"
[model.config]
dim = 32
depth = 1
heads = 2
time_steps = 2
drop_path = 0.1

[augment]
crop_padding = 1
mixup = 0.5
mixing_off_epoch = 2
erasing = 0.25

[optimizer]
lr = 1e-2
clip_norm = 1.0

[schedule]
epochs = 3
warmup_epochs = 1
"""
SAVE_EVERY = 4
COMPARED = ("last.safetensors", "best.safetensors", "log.jsonl", "recipe.json")
STRIKES_ON_SAVES = 3  # every third kill


@dataclass
class Figures:
    """What the kills met."""

    kills: int = 0
    while_saving: int = 0  # a half-written save was left behind
    before_a_state: int = 0  # nothing had been saved yet
    runs: int = 0
    different: int = 0
    seconds: float = 0.0


def start(recipe: Path, out: Path) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own, with one thread."""
    words = ["-m", "spikeformers", "train", str(recipe), "--out", str(out)]
    options = ["--workers", "2", "--save-every", str(SAVE_EVERY)]
    return subprocess.Popen(
        [sys.executable, *words, *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(recipe: Path, out: Path) -> float:
    """Let a run go to its end; return how long this start took."""
    began = time.monotonic()
    process = start(recipe, out)
    _, complaints = process.communicate()
    if process.returncode:
        raise SystemExit(f"The run ended with {process.returncode}: {complaints.decode()}")
    return time.monotonic() - began


def kill_once(recipe: Path, out: Path, *, after: float, on_save: bool, chance: random.Random) -> bool:
    """Start the run and kill it, workers included; return False where it ended before."""
    process = start(recipe, out)
    deadline = time.monotonic() + after
    while process.poll() is None:
        if on_save and any(out.glob(".saving-*")):
            time.sleep(chance.uniform(0, 0.01))
            break
        if time.monotonic() > deadline:
            break
        time.sleep(0.0005 if on_save else 0.01)
    alive = process.poll() is None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return alive


def differences(first: Path, second: Path) -> list[str]:
    """Return the files of two finished runs that are not equal; of the result, all but time and place count."""
    newest = max(path.name for path in first.glob("state-*.bin"))
    wrong = [
        name
        for name in (*COMPARED, newest)
        if not (second / name).exists() or (first / name).read_bytes() != (second / name).read_bytes()
    ]
    results = [json.loads((run / "result.json").read_text()) for run in (first, second)]
    for result in results:
        del result["seconds"], result["out"]
    return wrong if results[0] == results[1] else [*wrong, "result.json"]


def try_kills(kills: int, seed: int, folder: Path) -> Figures:
    """Kill runs until there were enough kills; complain about each that ends differently."""
    chance, figures, began = random.Random(seed), Figures(), time.monotonic()
    recipe = folder / "short.toml"
    recipe.write_text(RECIPE)
    length = finish(recipe, folder / "undisturbed")
    while figures.kills < kills:
        out = folder / f"run-{figures.runs}"
        for _ in range(chance.randint(1, 8)):
            on_save = figures.kills % STRIKES_ON_SAVES == 0
            if not kill_once(recipe, out, after=chance.uniform(0, length), on_save=on_save, chance=chance):
                break
            figures.kills += 1
            figures.while_saving += any(out.glob(".saving-*"))
            figures.before_a_state += not any(out.glob("state-*.bin"))
            if figures.kills == kills:
                break
        if not (out / "result.json").exists():
            finish(recipe, out)
        figures.runs += 1
        wrong = differences(folder / "undisturbed", out)
        figures.different += bool(wrong)
        print(
            f"{figures.kills} kills, {figures.runs} runs: " + (f"DIFFERENT {wrong}" if wrong else "equal"), flush=True
        )
        shutil.rmtree(out)
    figures.seconds = time.monotonic() - began
    return figures


def page(figures: Figures, seed: int) -> str:
    """Return the figures as the table of the documentation."""
    rows = {
        "kills": figures.kills,
        "of them while a save was half-written": figures.while_saving,
        "of them before the first state was saved": figures.before_a_state,
        "runs that were resumed until they were complete": figures.runs,
        "runs that ended with other bytes than the undisturbed one": figures.different,
    }
    lines = [f"| {what} | {value} |" for what, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines, "", f"Seed {seed}, {figures.seconds:.0f} s in all."])


def write(text: str, file: Path) -> None:
    """Put the figures between the marks of a page."""
    begin, end = "<!-- figures of scripts/kill_runs.py -->", "<!-- end of figures -->"
    before, _, rest = file.read_text().partition(begin)
    file.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def main() -> None:
    """Read the command line and do it."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kills", type=int, default=200)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--write", type=Path, help="page of the documentation that gets the figures")
    given = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="kill-runs-") as folder:
        figures = try_kills(given.kills, given.seed, Path(folder))
    text = page(figures, given.seed)
    print(text)
    if given.write:
        write(text, given.write)
    if figures.different:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
