"""Peak memory of a training step above resting, in a process of its own.

Resting is what the process holds (VmRSS) when model, optimizer, its moments and the batch are there, libraries are warm
from a step on one image, gradients are dropped and freed memory is given back. Then the kernel's high-water mark is
reset (5 into /proc/self/clear_refs) and read (VmHWM) after two steps, so gradients count as a step's memory. All rows
run under the same settings of the allocator: one arena, and blocks of 64 KiB and more are mapped, and unmapped when
they are freed, so that the mark follows what is alive and not what an allocator keeps.
"""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path
from typing import Any

from benchmarks.training.rows import ROWS, Trainer, Work

ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536"}
MIB = 1024.0  # of the KiB in which the kernel counts


def kibibytes(word: str) -> int:
    """A line of /proc/self/status."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{word}:"))


def peak_memory(work: Work, row: str) -> dict[str, Any]:
    """MiB: resting, peak, and the difference."""
    trainer = Trainer(ROWS[row], work)
    trainer.step(trainer.images(1))
    trainer.optimizer.zero_grad(set_to_none=True)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    resting = kibibytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    for _ in range(2):
        trainer.step()
    peak = kibibytes("VmHWM")
    return {"resting": resting / MIB, "peak": peak / MIB, "above_resting": (peak - resting) / MIB}
