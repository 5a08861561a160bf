"""What training costs here and on SpikingJelly 2.0.

    python -m benchmarks.training                 # all of it
    python -m benchmarks.training --quick         # a check of this program on a tiny network
    python -m benchmarks.training --part speed --model spikformer_4_384.cifar10 --batch 16
    python -m benchmarks.training --device cuda   # Spikformer-8-512 at 224 on a GPU

Time: rows take turns in one process on the same weights and random images (forward, cross-entropy, backward, AdamW),
two threads; the first round warms up; medians and median distances to them (MAD) on two clocks, wall and process CPU
time. What needs a process of its own (another backend, torch.compile with --compile) runs beside the base there. Ratios
are to the peer file (`benchmarks/peers`) in eager float32. Memory: see `memory`. Where time goes: see `profiling`.
Exponents: see `scaling`; the neuron alone: see `neuron`; on a GPU: see `cuda` and `bandwidth`. Finished cells are kept
in `results.json` (`cuda.json`), so that a second call goes on where the first was stopped; --fresh measures all again.
Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks.training import plan as plans
from benchmarks.training.cells import Cell, Kept, run
from benchmarks.training.cuda import NO_GPU
from benchmarks.training.neuron import PEER
from benchmarks.training.plot import draw
from benchmarks.training.report import against, memory_table, scaling_table, speed_table, title
from benchmarks.training.rows import BASE, ROWS, Work, missing

HERE = Path(__file__).parent
Measure = Callable[[Cell], dict[str, Any]]


def options() -> argparse.Namespace:
    """Read the command line."""
    words = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("--quick", action="store_true", help="a tiny network, one round, into a temporary directory")
    words.add_argument("--model", nargs="*", default=[plans.SPIKFORMER, plans.META], metavar="NAME")
    words.add_argument("--batch", nargs="*", type=int, default=[], help="default: 16 and 32; Meta-SpikeFormer: 2")
    words.add_argument("--rounds", type=int, default=9)
    words.add_argument("--part", nargs="*", default=list(plans.PARTS), choices=plans.PARTS)
    words.add_argument("--row", nargs="*", default=None, choices=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    words.add_argument("--compile", action="store_true", help="also the peer under torch.compile, which takes minutes")
    words.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    words.add_argument("--out", type=Path, default=None, help="directory of the results; default: beside this program")
    words.add_argument("--fresh", action="store_true", help="measure again what is finished")
    words.add_argument("--cell", default="", help=argparse.SUPPRESS)
    return words.parse_args()


def main() -> None:
    """Measure, print and keep."""
    given = options()
    if given.cell:
        print(json.dumps(run(Cell(**json.loads(given.cell)))))
        return
    out = given.out or (Path(tempfile.mkdtemp(prefix="training-")) if given.quick else HERE)
    rows = given.row or [name for name, row in ROWS.items() if given.compile or not row.compiled]
    name = "cuda" if given.device == "cuda" else "results"
    kept = Kept(out / f"{name}.json", fresh=given.fresh)
    if given.device == "cuda":
        if not torch.cuda.is_available():
            sys.exit(NO_GPU)
        results = on_a_gpu(given, rows, kept)
    else:
        plan = plans.quick(rows) if given.quick else plans.full(given.model, given.batch, rows, given.rounds)
        results = on_the_cpu(plan, given.part, told(kept))
        draw(results, out / "results.png")
    failed = [cell["failed"] for cell in kept.cells.values() if "failed" in cell]
    kept.write({**results, "cells": kept.cells})
    print(json.dumps({key: value for key, value in results.items() if key != "cells"}, indent=2))
    print(f"Results: {kept.path}", file=sys.stderr)
    if failed:
        sys.exit("Some cells failed, and are tried again next time:\n" + "\n".join(failed))


def told(kept: Kept) -> Measure:
    """Measure a cell and say so."""

    def measure(cell: Cell) -> dict[str, Any]:
        known = cell.key in kept.cells
        found = kept.measure(cell)
        print(f"{'kept' if known else 'done'} {found['seconds']:7.1f} s  {cell.kind} {cell.words}", file=sys.stderr)
        return found

    return measure


def about() -> dict[str, Any]:
    """When, where and with what."""
    versions = {}
    for package in ("torch", "spikeformers", "spikingjelly"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed as a package"
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": versions,
        "base": BASE,
        "clocks": "milliseconds; wall with two threads, cpu: of the process with all its threads",
        "memory": "MiB",
    }


def on_the_cpu(plan: plans.Plan, parts: list[str], measure: Measure) -> dict[str, Any]:
    """All tables."""
    results: dict[str, Any] = {**about(), "rounds": plan.rounds, "works": {}, "skipped": {}}
    for work in plan.works:
        rows, skipped = _available(plan.rows, work)
        if skipped:
            results["skipped"][title(work)] = skipped
        speed, memory = {}, {}
        if "speed" in parts:
            speed = speed_table([measure(cell) for cell in plans.speed_cells(work, rows, plan.rounds)])
        if "memory" in parts:
            held = [row for row in rows if row in plan.memory_rows]
            memory = memory_table({row: measure(plans.memory_cell(work, row)) for row in held})
        found = {"speed": speed, "memory": memory, "against": against(speed, memory)} if speed or memory else {}
        if "profile" in parts:
            growing = [row for row in plans.GROWING if row in rows]
            found["profile"] = measure(plans.profile_cell(work, growing)).get("result", {})
        if found:
            results["works"][title(work)] = found
    if "scaling" in parts and plan.points:
        results["scaling"] = _scaling(plan, measure)
    if "neurons" in parts:
        results["neurons"] = _neurons(plan, measure)
    return results


def on_a_gpu(given: argparse.Namespace, rows: list[str], kept: Kept) -> dict[str, Any]:
    """Spikformer-8-512 at 224, T = 4 (step time at batch 32 unless --batch says another), and the fused kernels."""
    works = [Work(model=plans.LARGE, batch=batch) for batch in given.batch or [32]]
    measure = told(kept)
    tables = {
        title(work): {
            row: measure(plans.cuda_cell(work, row, given.rounds)).get("result")
            for row in _available(plans.ON_CUDA, work)[0]
            if row in rows
        }
        for work in works
    }
    return {**about(), "works": tables, "bandwidth": measure(plans.bandwidth_cell(given.rounds)).get("result")}


def _available(rows: Any, work: Work) -> tuple[list[str], dict[str, str]]:
    """Rows that can be had, and why the others cannot."""
    why = {name: missing(ROWS[name], work) for name in rows}
    return [name for name in rows if not why[name]], {name: reason for name, reason in why.items() if reason}


def _scaling(plan: plans.Plan, measure: Measure) -> dict[str, Any]:
    points = []
    for point in plan.points:
        rows = _available([name for name in plans.GROWING if name in plan.memory_rows], point.work)[0]
        times = measure(plans.point_cell(point, rows, max(1, plan.rounds // 2))).get("result", {})
        memory = {}
        if point.variable != "threads":
            cells = {row: measure(plans.memory_cell(point.work, row)) for row in rows}
            memory = {row: cell["result"]["above_resting"] for row, cell in cells.items() if "result" in cell}
        points.append((point.variable, point.value, times, memory))
    return scaling_table(points)


def _neurons(plan: plans.Plan, measure: Measure) -> dict[str, Any]:
    if missing(ROWS[BASE], plan.works[0]):
        return {"skipped": f"{PEER} is not here"}
    words = {"shapes": [list(shape) for shape in plan.shapes], "rounds": plan.rounds}
    found: dict[str, Any] = measure(Cell(kind="neurons", words=words, threads=1)).get("result", {})
    return found


if __name__ == "__main__":
    main()
