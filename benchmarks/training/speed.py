"""Time of a training step: rows take turns in one process on the same weights and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.training.rows import ROWS, Trainer, Work
from benchmarks.training.spread import interleaved


def speed(work: Work, rows: Sequence[str], rounds: int) -> dict[str, Any]:
    """Milliseconds of each row on both clocks."""
    trainers = {name: Trainer(ROWS[name], work) for name in rows}
    return interleaved({name: trainer.step for name, trainer in trainers.items()}, rounds)
