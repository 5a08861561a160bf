"""Doing something with many recordings in several processes, as loading batches does."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import TypeVar

from torch.utils.data import Dataset

from spikeformers.data.cores import usable_cores
from spikeformers.data.workers import by_workers

MOST_WORKERS = 8
SMALL = 64 << 20  # bytes to read, below which starting processes takes longer than it saves
DIED = (
    "A process that reads recordings has died, often for lack of memory ({reason}). What it had finished is kept: free "
    "memory and start again."
)

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
    with closing(by_workers(_Jobs(work, jobs), range(len(jobs)), workers, ahead=1, died=DIED)) as results:
        yield from results


class _Jobs(Dataset[Result]):
    def __init__(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> None:
        self._work, self._jobs = work, jobs

    def __len__(self) -> int:
        return len(self._jobs)

    def __getitem__(self, index: int) -> Result:
        return self._work(self._jobs[index])
