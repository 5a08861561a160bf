"""Doing something with many recordings in several processes, as loading batches does."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from spikeformers.data.cores import usable_cores
from spikeformers.errors import DataError

MOST_WORKERS = 8
SMALL = 64 << 20  # bytes to read, below which starting processes takes longer than it saves

Job = TypeVar("Job")
Result = TypeVar("Result")


def enough_workers(size: int, jobs: int) -> int:
    """Return how many processes should read this many bytes in so many jobs; 0: this one does it."""
    workers = min(MOST_WORKERS, usable_cores(), jobs)
    return 0 if size < SMALL or workers < 2 else workers


def each(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Generator[Result, None, None]:
    """Yield what `work` makes of every job, in their order.

    Close the iterator (`contextlib.closing`) where it may not be exhausted: that ends the processes.

    Args:
        work: must not raise what the user can act on, but return it.
        workers: processes; 0: it is done here, one after the other.

    Raises:
        DataError: a process has died.
    """
    if not workers:
        yield from map(work, jobs)
        return
    with closing(_by_workers(work, jobs, workers)) as results:
        yield from results


def _by_workers(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Generator[Result, None, None]:
    made: Any = iter(
        DataLoader(
            _Jobs(work, jobs),
            batch_size=None,
            shuffle=False,
            num_workers=workers,
            prefetch_factor=1,
            worker_init_fn=_leave_stopping_to_the_parent,
            collate_fn=_as_it_is,
            # Without one of its own it draws a seed from the global generator, which then knows about workers.
            generator=torch.Generator(),
        )
    )
    try:
        yield from made
    except RuntimeError as error:
        if "DataLoader worker" not in str(error) or "Traceback" in str(error):
            raise
        raise DataError(
            f"A process that reads recordings has died, often for lack of memory ({error}). What it had finished is "
            "kept: free memory and start again."
        ) from error
    finally:
        made._shutdown_workers()  # it would do so by itself only when nothing, no traceback either, knows it any more


class _Jobs(Dataset[Result]):
    def __init__(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> None:
        self._work, self._jobs = work, jobs

    def __len__(self) -> int:
        return len(self._jobs)

    def __getitem__(self, index: int) -> Result:
        return self._work(self._jobs[index])


def _as_it_is(result: Result) -> Result:
    return result


def _leave_stopping_to_the_parent(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
