"""A process of its own that reads HDF5 files for another: run as a script, it needs only h5py and NumPy.

Reads requests, one JSON object a line, from standard input; answers each with two sizes, a JSON object of the
first size, and as many bytes as the second says. A damaged file may hang or kill this process; whoever asks must live
with that.
"""

from __future__ import annotations

import json
import signal
import struct
import sys
from importlib import import_module
from typing import Any

SIZES = struct.Struct("<IQ")
DEEPEST = 4  # groups inside each other
MOST = 256  # data sets listed


def main(memory: int, seconds: float) -> None:
    """Answer until the input ends, in at most so many bytes of memory and seconds of computing per answer."""
    _limit(memory)
    answers = sys.stdout.buffer
    for line in sys.stdin.buffer:
        content = b""
        if hasattr(signal, "setitimer"):  # its signal ends this process; there is none on Windows
            signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            answer, content = _answer(json.loads(line))
        except Exception as error:  # whatever the damage: the other side is told, and lives on
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        described = json.dumps(answer).encode()
        answers.write(SIZES.pack(len(described), len(content)) + described)
        answers.write(content)
        answers.flush()


def _limit(memory: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    h5py = import_module("h5py")
    with h5py.File(request["path"], "r") as file:
        if "dataset" not in request:
            found: list[dict[str, Any]] = []
            _list(file, "", DEEPEST, found)
            return {"datasets": found}, b""
        dataset = file[request["dataset"]]
        if "field" in request:
            dataset = dataset.fields(request["field"])
        if "index" in request:
            values = dataset[request["index"]]
        else:
            values = dataset[request["first"] : request["end"]]
        return {"dtype": values.dtype.str}, values.tobytes()


def _list(group: Any, prefix: str, depth: int, found: list[dict[str, Any]]) -> None:
    """List one-dimensional data sets; links to other places are not followed."""
    h5py = import_module("h5py")
    for name in group:
        if len(found) >= MOST:
            return
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Group) and depth:
            _list(item, f"{prefix}{name}/", depth - 1, found)
        elif isinstance(item, h5py.Dataset) and len(item.shape or ()) == 1:
            inner = h5py.check_vlen_dtype(item.dtype)
            fields = {word: item.dtype[word].str for word in item.dtype.names or ()}
            found.append(
                {
                    "name": prefix + name,
                    "length": item.shape[0],
                    "dtype": item.dtype.str,
                    "vlen": inner.str if inner is not None and inner is not str and inner is not bytes else None,
                    "fields": fields,
                    "itemsize": item.dtype.itemsize,
                    "stored": item.id.get_storage_size(),
                }
            )


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
