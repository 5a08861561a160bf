"""Medians, spreads and clocks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def interleaved(
    works: Mapping[str, Callable[[], object]], rounds: int, *, repeats: int = 1
) -> dict[str, dict[str, dict[str, float]]]:
    """Run each work once a round, in turns; the first round warms up and does not count.

    Returns:
        Of each work milliseconds on two clocks: "wall", and "cpu" of the process with all its threads.
    """
    found: dict[str, dict[str, list[float]]] = {name: {"wall": [], "cpu": []} for name in works}
    for i in range(rounds + 1):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(repeats):
                work()
            if i:
                found[name]["wall"].append(1000 * (time.perf_counter() - wall) / repeats)
                found[name]["cpu"].append(1000 * (time.process_time() - cpu) / repeats)
    return {name: {clock: spread(times) for clock, times in clocks.items()} for name, clocks in found.items()}


def spread(values: list[float]) -> dict[str, float]:
    """Median, and median of the distances to it (MAD)."""
    median = statistics.median(values)
    return {"median": median, "mad": statistics.median(abs(value - median) for value in values), "least": min(values)}


def ratios(rows: Mapping[str, Any], base: str, clock: str) -> dict[str, float]:
    """How many times faster than the base each is."""
    return {name: rows[base][clock]["median"] / row[clock]["median"] for name, row in rows.items()}
