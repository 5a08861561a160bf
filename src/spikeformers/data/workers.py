"""Results that worker processes make ahead, in order."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from spikeformers.errors import DataError

GRACE = 60.0  # seconds a worker lives on after SIGTERM

Result = TypeVar("Result")


def by_workers(
    jobs: Dataset[Result], order: Iterable[int], workers: int, *, ahead: int, died: str
) -> Generator[Result, None, None]:
    """Yield `jobs[index]` for every index of the order.

    Close the iterator (`contextlib.closing`) where it may not be exhausted: that ends the processes.

    Args:
        workers: processes, 1 or more.
        ahead: results that each process prepares before they are asked for.
        died: text for the user with the field {reason}, of what has happened where a process has died, and what to do.

    Raises:
        DataError: a process has died.
    """
    made: Any = iter(
        DataLoader(
            jobs,
            batch_size=None,
            sampler=order,
            num_workers=workers,
            prefetch_factor=ahead,
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
        raise DataError(died.format(reason=error)) from error
    finally:
        made._shutdown_workers()  # it would do so by itself only when nothing, no traceback either, knows it any more


def _as_it_is(result: Result) -> Result:
    return result


def _leave_stopping_to_the_parent(worker: int) -> None:
    # Both reach every process of a run; the parent ends its workers once it has saved. But a worker that nobody ended
    # must not outlive SIGTERM: Python waits for its workers when it exits.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGTERM, lambda number, frame: signal.setitimer(signal.ITIMER_REAL, GRACE))
