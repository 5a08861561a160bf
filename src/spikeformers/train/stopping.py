"""Ending a run on request: at the next update of the weights, when everything can be saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

Requested = Callable[[], int | None]
"""Returns the number of the signal that asked the run to stop, or None."""


@contextmanager
def stop_requests() -> Iterator[Requested]:
    """Take note of Ctrl-C and of the system's requests to end, instead of being torn out of an update.

    A second Ctrl-C interrupts at once. Outside the main thread, where Python delivers no signals, and where the caller
    has handlers of its own, nothing changes.
    """
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    ours: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    if hasattr(signal, "SIGHUP"):  # the terminal was closed
        ours[signal.SIGHUP] = signal.SIG_DFL
    replaced: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        replaced = {number: former for number, former in ours.items() if signal.getsignal(number) == former}
    try:
        for number in replaced:
            signal.signal(number, note)
        yield lambda: received[0] if received else None
    finally:
        for number, former in replaced.items():
            signal.signal(number, former)
