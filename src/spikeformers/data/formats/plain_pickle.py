"""Reader of pickles that hold plain values and uint8 arrays only. Nothing in the file is ever executed.

A pickle is a program for a small stack machine, and unpickling runs it, imports and calls included. Here its
instructions are interpreted by a machine of our own that knows values, containers, and the few names with which NumPy
writes arrays; the names stand for descriptions, nothing is imported or called. CIFAR's python form (pickled by
Python 2) is read so.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeformers.errors import DataError

RECONSTRUCT = {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
NDARRAY = "numpy ndarray"
DTYPE = "numpy dtype"
ENCODE = "_codecs encode"  # how Python 3 writes bytes for readers of protocol 2
KNOWN = {*RECONSTRUCT, NDARRAY, DTYPE, ENCODE}
UINT8 = (b"u1", b"|u1", "u1", "|u1")


class ForbiddenError(Exception):
    """A name or instruction that plain values do not need."""


@dataclass(frozen=True)
class _Name:
    name: str


@dataclass
class _Type:
    word: Any


@dataclass
class _Array:
    """An array whose state the file tells after it has named it."""

    state: tuple[Any, ...] = ()

    def to_numpy(self) -> NDArray[np.uint8]:
        _, shape, kind, fortran, content = self.state
        if not isinstance(kind, _Type) or kind.word not in UINT8:
            raise ForbiddenError(f"an array of {kind!r:.80}; only uint8 arrays are read")
        if not isinstance(content, bytes) or math.prod(shape) != len(content) or min(shape) < 0:
            raise ValueError(f"an array of shape {shape!r:.80} with other content")
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if fortran else "C")


def read_plain_pickle(content: bytes, where: str) -> dict[Any, Any]:
    """Return the dict a pickle holds; text that Python 2 wrote is returned as bytes.

    Args:
        where: the file, for messages.

    Raises:
        DataError: no pickle of a dict, damaged, or one that asks for more than plain values.
    """
    try:
        value = _Machine().run(content)
        if not isinstance(value, dict):
            raise ValueError(f"it holds {type(value).__name__}, not dict")
        return {key: item.to_numpy() if isinstance(item, _Array) else item for key, item in value.items()}
    except ForbiddenError as error:
        raise DataError(
            f"{where}: refused, because this pickle asks for {error}. Plain data does not need that; fetch the file "
            "from its official place."
        ) from error
    except Exception as error:  # a damaged program fails in as many ways as a program can
        raise DataError(f"{where}: not a whole pickle of plain data ({error}). Fetch the file again.") from error


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        for instruction, argument, _ in pickletools.genops(content):
            act = _ACTS.get(instruction.name)
            if act is None:
                raise ForbiddenError(f"the instruction {instruction.name}")
            act(self, argument)
        (value,) = self.stack
        return value

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self, count: int) -> list[Any]:
        if not 0 <= count <= len(self.stack):
            raise ValueError("it takes more values than it gave")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def since_mark(self) -> list[Any]:
        return self.pop(len(self.stack) - self.marks.pop())

    def remember(self, place: int | None) -> None:
        self.memo[len(self.memo) if place is None else place] = self.stack[-1]

    def extend(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise ValueError("it appends to what is no list")
        target.extend(values)

    def update(self, values: list[Any]) -> None:
        target, keys = self.stack[-1], values[::2]
        if not isinstance(target, dict) or not all(isinstance(key, str | bytes) for key in keys):
            raise ValueError("it sets items of what is no dict of texts")
        target.update(zip(keys, values[1::2], strict=True))

    def name(self, name: str) -> None:
        if name not in KNOWN:
            raise ForbiddenError(f"the name '{name.replace(' ', '.'):.80}'")
        self.push(_Name(name))

    def call(self) -> None:
        function, arguments = self.pop(2)
        name = function.name if isinstance(function, _Name) else None
        if name in RECONSTRUCT:
            self.push(_Array())
        elif name == DTYPE:
            self.push(_Type(arguments[0]))
        elif name == ENCODE and arguments[1] in ("latin1", "latin-1"):
            self.push(arguments[0].encode("latin-1"))
        else:
            raise ForbiddenError(f"a call of {function!r:.80}")

    def build(self) -> None:
        target, state = self.stack[-2], self.pop(1)[0]
        if isinstance(target, _Array):
            target.state = state
        elif not isinstance(target, _Type):  # of a type's state only the word counts: a byte has no order of bytes
            raise ForbiddenError(f"setting up {type(target).__name__}")


def _push(machine: _Machine, argument: Any) -> None:
    machine.push(argument)


def _push_python2_text(machine: _Machine, argument: str) -> None:
    machine.push(argument.encode("latin-1"))


_ACTS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda machine, _: None),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1"), _push),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"), _push),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"), _push),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _push_python2_text),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.push(tuple(machine.pop(1))),
    "TUPLE2": lambda machine, _: machine.push(tuple(machine.pop(2))),
    "TUPLE3": lambda machine, _: machine.push(tuple(machine.pop(3))),
    "APPEND": lambda machine, _: machine.extend(machine.pop(1)),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.update(machine.pop(2)),
    "SETITEMS": lambda machine, _: machine.update(machine.since_mark()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE"), lambda machine, place: machine.remember(place)),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, place: machine.push(machine.memo[place])),
    "GLOBAL": lambda machine, name: machine.name(name),
    "STACK_GLOBAL": lambda machine, _: machine.name(" ".join(machine.pop(2))),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.build(),
}
