"""The same on a GPU: time of a step, peak memory, and the largest batch that fits; one row a process."""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from typing import Any

import torch

from benchmarks.training.rows import ROWS, Trainer, Work
from benchmarks.training.spread import spread

DEVICE = "cuda"
NO_GPU = "PyTorch sees no CUDA device here; run this on a machine that has one."


def require_cuda() -> None:
    """Do nothing where there is a GPU.

    Raises:
        RuntimeError: there is none.
    """
    if not torch.cuda.is_available():
        raise RuntimeError(NO_GPU)


def on_cuda(work: Work, row: str, rounds: int, most: int = 4096) -> dict[str, Any]:
    """Milliseconds, peak MiB, and the largest batch up to `most`."""
    return {
        "card": torch.cuda.get_device_name(),
        "step": _timed(Trainer(ROWS[row], work, DEVICE), rounds),
        "peak": _peak(work, row),
        "largest_batch": _largest(work, row, most),
    }


def _timed(trainer: Trainer, rounds: int) -> dict[str, float]:
    times = []
    for i in range(rounds + 3):  # kernels are compiled and chosen in the first ones
        torch.cuda.synchronize()
        began = time.perf_counter()
        trainer.step()
        torch.cuda.synchronize()
        if i >= 3:
            times.append(1000 * (time.perf_counter() - began))
    return spread(times)


def _peak(work: Work, row: str) -> dict[str, float]:
    """MiB that tensors held at most, and above what was there between steps."""
    trainer = Trainer(ROWS[row], work, DEVICE)
    trainer.step()
    trainer.optimizer.zero_grad(set_to_none=True)
    resting = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        trainer.step()
    peak = torch.cuda.max_memory_allocated()
    return {"resting": resting / 2**20, "peak": peak / 2**20, "above_resting": (peak - resting) / 2**20}


def _largest(work: Work, row: str, most: int) -> int:
    """By doubling, then halving the gap down to an eighth of the batch."""
    good, bad = 0, 1
    while bad <= most and _fits(work, row, bad):
        good, bad = bad, 2 * bad
    if bad > most:
        return good
    while bad - good > max(1, good // 8):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _fits(work, row, middle) else (good, middle)
    return good


def _fits(work: Work, row: str, batch: int) -> bool:
    try:
        _two_steps(replace(work, batch=batch), row)
    except RuntimeError as error:
        # Besides PyTorch's own error there are those of the libraries under it, as cuBLAS without a workspace.
        if not any(word in str(error).lower() for word in ("out of memory", "alloc_failed")):
            raise
        return False
    finally:
        gc.collect()
        torch.cuda.empty_cache()
    return True


def _two_steps(work: Work, row: str) -> None:
    trainer = Trainer(ROWS[row], work, DEVICE)
    for _ in range(2):
        trainer.step()
