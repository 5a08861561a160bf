"""One run at a time in a directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spikeformers.train.errors import InUse

_HELD: set[Path] = set()  # by this process, which the operating system lets lock a file twice


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the block, exclusively.

    The operating system drops the lock when the process ends, however it ends, so a killed run blocks nobody.

    Raises:
        InUse: another run holds it.
    """
    path = path.resolve()
    if path in _HELD:  # before opening it: closing it again would drop the lock that this process holds
        raise _in_use(path)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _lock(handle):
            raise _in_use(path)
        _HELD.add(path)
        try:
            yield
        finally:
            _HELD.discard(path)
    finally:
        os.close(handle)


def _in_use(path: Path) -> InUse:
    return InUse(
        f"Another run is writing to {path.parent}. Wait until it ends or stop it, or choose another directory."
    )


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(handle: int) -> bool:
        # A record lock: worker processes do not inherit it, so it ends with the run even where they outlive it.
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True
