"""Reading HDF5 at arm's length: h5py runs in another process, which may hang or die of a damaged file.

Of 4,000 small damaged files in the layout of SHD, 7 kept h5py 3.16 busy until they were stopped after four seconds
(`scripts/fuzz_recordings.py` makes such files). The process is started once and serves all reading of this one.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.recordings import hdf5_child
from spikeformers.data.recordings.extras import extra
from spikeformers.errors import DataError

COMPUTING = 10.0  # seconds of computing that one answer may take, where the system can limit it
WAITING = 120.0  # seconds that one answer may take in all, on a slow disk or a busy machine
MEMORY = 2 << 30  # bytes the other process may take, where the system can limit it
LONGEST_ANSWER = 1 << 28  # bytes
ERRORS = 50  # after so many the process is replaced, lest what damaged files leave behind in it add up


@dataclass(frozen=True)
class Listed:
    """A one-dimensional data set: `vlen` is the dtype of its elements' elements, where it holds arrays."""

    name: str
    length: int
    dtype: str
    vlen: str | None
    fields: Mapping[str, str]
    itemsize: int
    stored: int


class _Failed(Exception):
    """The other process has hung or died."""


class _Service:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.errors = 0

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        with self.lock:
            fresh = self.process is None
            try:
                return self._ask(request)
            except _Failed:
                if fresh:
                    raise
            return self._ask(request)  # an earlier file may have harmed the process: ask a new one

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        process = self.process = self.process or _start()
        try:
            answer, content = _exchange(cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout), request)
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise _Failed from error
        self.errors += "error" in answer
        if self.errors >= ERRORS:
            self.close()
        return answer, content

    def close(self) -> None:
        process, self.process, self.errors = self.process, None, 0
        if process is not None:
            process.kill()
            process.communicate()


def _start() -> subprocess.Popen[bytes]:
    # -P: the folder of the script must not go into the path, for this room has a csv.py.
    command = [sys.executable, "-P", hdf5_child.__file__, str(MEMORY), str(COMPUTING)]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # threads take address space
    return subprocess.Popen(
        command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )


def _exchange(requests: IO[bytes], answers: IO[bytes], request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    deadline = time.monotonic() + WAITING
    requests.write(json.dumps(request).encode() + b"\n")
    size, more = hdf5_child.SIZES.unpack(_receive(answers, hdf5_child.SIZES.size, deadline))
    if size + more > LONGEST_ANSWER:
        raise ValueError(f"an answer of {size + more} bytes")
    answer = json.loads(_receive(answers, size, deadline))
    return answer, bytes(_receive(answers, more, deadline))


def _receive(pipe: IO[bytes], size: int, deadline: float) -> bytearray:
    content = bytearray()
    while len(content) < size:
        if hasattr(select, "poll"):  # not on Windows, which cannot wait for a pipe with a limit
            waiting = select.poll()
            waiting.register(pipe, select.POLLIN)
            if not waiting.poll(1000 * max(0.0, deadline - time.monotonic())):
                raise TimeoutError
        piece = pipe.read(size - len(content))
        if not piece:
            raise EOFError
        content += piece
    return content


_service = _Service()
_of_parents: list[_Service] = []


def _forget() -> None:
    """Leave the process of a parent alone, in a child that was forked, and start an own one when it is needed."""
    global _service
    _of_parents.append(_service)  # kept, for its end would wait for the process
    _service = _Service()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
atexit.register(lambda: _service.close())


def list_datasets(path: Path) -> list[Listed]:
    """Return the one-dimensional data sets of a file; raise a DataError if it cannot be read."""
    answer, _ = _ask(path, {})
    try:
        return [Listed(**entry) for entry in answer["datasets"]]
    except (TypeError, LookupError) as error:
        raise _damaged(path, "its list of data sets makes no sense") from error


def read_rows(path: Path, dataset: str, first: int, end: int, field: str | None = None) -> NDArray[Any]:
    """Return elements of a data set of numbers, or of one field of it; raise a DataError if they cannot be read."""
    return _array(path, {"dataset": dataset, "first": first, "end": end} | ({"field": field} if field else {}))


def read_element(path: Path, dataset: str, index: int) -> NDArray[Any]:
    """Return one element of a data set of arrays; raise a DataError if it cannot be read."""
    return _array(path, {"dataset": dataset, "index": index})


def _array(path: Path, request: dict[str, Any]) -> NDArray[Any]:
    answer, content = _ask(path, request)
    try:
        dtype = np.dtype(answer["dtype"])
        if dtype.kind in "iufb":
            return np.frombuffer(content, dtype)
    except (TypeError, ValueError, LookupError) as error:
        raise _damaged(path, str(error)) from error
    raise _damaged(path, f"{request['dataset']} holds no numbers")


def _ask(path: Path, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        answer, content = _service.ask({"path": os.path.abspath(path)} | request)
    except _Failed as error:
        raise _damaged(path, "the HDF5 library died of it, or took too long") from error
    if "error" in answer:
        extra("h5py", "Recordings in HDF5")
        raise _damaged(path, answer["error"])
    return answer, content


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path}: cannot be read as HDF5: {reason}. Copy the file again.")
