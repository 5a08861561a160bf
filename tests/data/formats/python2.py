"""A pickle as Python 2 and its NumPy wrote it, which Python 3 cannot write any more."""

from __future__ import annotations

import struct

import numpy as np


def text(value: bytes) -> bytes:
    """A str as Python 2 pickled it."""
    return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<i", len(value)) + value


def python2_pickle(array: np.ndarray, labels: list[int]) -> bytes:
    """What Python 2 and its NumPy wrote for {"data": array, "labels": labels}, instruction by instruction."""
    rows, columns = array.shape
    data = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04"
        b"(K\x01" + b"M" + struct.pack("<H", rows) + b"M" + struct.pack("<H", columns) + b"\x86"
        b"cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89" + text(array.tobytes()) + b"tb"
    )
    numbers = b"]q\x07(" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}q\x01(" + text(b"data") + data + text(b"labels") + numbers + b"u."
