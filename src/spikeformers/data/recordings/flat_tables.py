"""Reading FlatBuffers (https://flatbuffers.dev/internals/) without trust: every position is checked first."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class DamagedTable(ValueError):
    """The bytes are not the table they should be."""


@dataclass(frozen=True)
class FlatTable:
    """A table inside a buffer. A field that is absent has its default value."""

    content: bytes
    position: int

    def number(self, field: int, code: str, default: int) -> int:
        """Return an integer field; `code` as in `struct`."""
        offset = self._offset(field)
        return _number(self.content, self.position + offset, code) if offset else default

    def vector(self, field: int, item_size: int) -> tuple[int, int]:
        """Return where the items of a vector begin, and their number; the vector lies wholly inside the buffer."""
        offset = self._offset(field)
        if not offset:
            return 0, 0
        place = self.position + offset
        place += _number(self.content, place, "I")
        count = _number(self.content, place, "I")
        if place + 4 + count * item_size > len(self.content):
            raise DamagedTable("a vector ends beyond the buffer")
        return place + 4, count

    def text(self, field: int) -> str:
        """Return a string field; what is not UTF-8 in it is replaced."""
        start, count = self.vector(field, 1)
        return self.content[start : start + count].decode(errors="replace")

    def _offset(self, field: int) -> int:
        vtable = self.position - _number(self.content, self.position, "i")
        place = 4 + 2 * field
        return _number(self.content, vtable + place, "H") if place < _number(self.content, vtable, "H") else 0


def root_table(content: bytes, identifier: bytes) -> FlatTable:
    """Return the root of a buffer that begins with its size, as AEDAT4 has them all.

    Raises:
        DamagedTable: it is cut off, or another kind of buffer.
    """
    if _number(content, 0, "I") + 4 > len(content) or content[8:12] != identifier:
        raise DamagedTable(f"no whole buffer of kind {identifier.decode()}")
    return FlatTable(content, 4 + _number(content, 4, "I"))


def numbers_of_tables(table: FlatTable, field: int, wanted: list[tuple[int, int, str]]) -> list[NDArray[np.int64]]:
    """Return columns of numbers out of a vector of tables, all tables at once.

    Args:
        table: holds the vector.
        field: the vector's field.
        wanted: per column the field of the inner tables, bytes after its begin, and a dtype; absent fields are 0.
    """
    content = np.frombuffer(table.content, dtype=np.uint8)
    start, count = table.vector(field, 4)
    slots = start + 4 * np.arange(count, dtype=np.int64)
    tables = slots + _gather(content, slots, "<u4")
    vtables = tables - _gather(content, tables, "<i4")
    sizes = _gather(content, vtables, "<u2")
    columns = []
    for inner, skip, dtype in wanted:
        present = sizes > 4 + 2 * inner
        offsets = np.zeros(count, dtype=np.int64)
        offsets[present] = _gather(content, vtables[present] + 4 + 2 * inner, "<u2")
        column = np.zeros(count, dtype=np.int64)
        column[offsets > 0] = _gather(content, (tables + offsets + skip)[offsets > 0], dtype)
        columns.append(column)
    return columns


def _gather(content: NDArray[np.uint8], positions: NDArray[np.int64], dtype: str) -> NDArray[np.int64]:
    size = np.dtype(dtype).itemsize
    if len(positions) and (positions.min() < 0 or positions.max() + size > len(content)):
        raise DamagedTable("an offset leads out of the buffer")
    numbers: NDArray[np.int64] = content[positions[:, None] + np.arange(size)].view(dtype)[:, 0].astype(np.int64)
    return numbers


def _number(content: bytes, position: int, code: str) -> int:
    if position < 0 or position + struct.calcsize("<" + code) > len(content):
        raise DamagedTable("an offset leads out of the buffer")
    number: int = struct.unpack_from("<" + code, content, position)[0]
    return number
