"""Cells: one measurement each, in a process of its own, kept when it is finished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from spikeformers.files import atomic_write

ROOT = Path(__file__).resolve().parents[2]
Kind = Literal["speed", "memory", "profile", "neurons", "cuda", "bandwidth"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What to measure.

    Args:
        kind: what of it.
        words: arguments of the measurement, plain data.
        threads: of PyTorch.
        backend: SPIKEFORMERS_BACKEND of the process.
    """

    kind: Kind
    words: dict[str, Any]
    threads: int = 2
    backend: str = ""

    @property
    def key(self) -> str:
        """One text for one measurement."""
        return json.dumps(asdict(self), sort_keys=True)


def run(cell: Cell) -> dict[str, Any]:
    """Measure, in this process."""
    import torch

    from benchmarks.training.rows import Work

    torch.set_num_threads(cell.threads)
    words = dict(cell.words)
    if "work" in words:
        words["work"] = Work(**words["work"])
    if cell.kind == "speed":
        from benchmarks.training.speed import speed

        return speed(**words)
    if cell.kind == "memory":
        from benchmarks.training.memory import peak_memory

        return peak_memory(**words)
    if cell.kind == "profile":
        from benchmarks.training.profiling import where_time_goes

        return where_time_goes(**words)
    if cell.kind == "neurons":
        from benchmarks.training.neuron import neurons

        return neurons(**words)
    from benchmarks.training.cuda import on_cuda, require_cuda

    require_cuda()
    if cell.kind == "bandwidth":
        from benchmarks.training.bandwidth import bandwidth

        return bandwidth(**words)
    return on_cuda(**words)


class Kept:
    """Finished cells in a JSON file; one whose measurement failed is kept with the reason and tried again."""

    def __init__(self, path: Path, *, fresh: bool = False) -> None:
        self.path = path
        kept = path.exists() and not fresh
        self.cells: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"] if kept else {}

    def measure(self, cell: Cell) -> dict[str, Any]:
        """The cell as it is kept, measured first where it is not yet."""
        if "result" not in self.cells.get(cell.key, {}):
            self.cells[cell.key] = _in_a_process(cell)
            self.write({"cells": self.cells})
        return self.cells[cell.key]

    def write(self, content: dict[str, Any]) -> None:
        """Replace the file."""
        with atomic_write(self.path) as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())


def _in_a_process(cell: Cell) -> dict[str, Any]:
    from benchmarks.training.memory import ALLOCATOR

    threads = {"OMP_NUM_THREADS": str(cell.threads), "MKL_NUM_THREADS": str(cell.threads)}
    environment = {**os.environ, **threads, "SPIKEFORMERS_BACKEND": cell.backend}
    if cell.kind == "memory":
        environment.update(ALLOCATOR)
    began, load = time.monotonic(), os.getloadavg()[0]
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.training", "--cell", cell.key]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    found: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": round(load, 2),
        "seconds": round(time.monotonic() - began, 1),
    }
    if done.returncode:
        return {**found, "failed": "\n".join(done.stderr.strip().splitlines()[-3:])}
    return {**found, "result": json.loads(done.stdout.strip().splitlines()[-1])}
