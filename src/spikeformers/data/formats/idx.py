"""Reader of IDX files, the format MNIST was published in (LeCun, Cortes, Burges 1998), plain or gzip.

An IDX file is: two zero bytes, one byte for the dtype, one for the rank, then every dimension as a big-endian
32-bit number, then the elements, big-endian, last dimension fastest, and nothing after them.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spikeformers.errors import DataError

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_RANK = 32  # what every supported NumPy can hold; the format itself goes up to 255
CHUNK = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a plain or gzip-compressed IDX file, told apart by content, not by name.

    Memory grows with what the file really holds, never with what its header claims.

    Returns:
        An array of the stored shape, in the machine's byte order: uint8, int8, int16, int32, float32 or
        float64.

    Raises:
        DataError: no such file, no IDX file, damaged gzip, or more or fewer bytes than the header announces.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if compressed else file
            return _read(stream, path)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"{path}: cannot be read: {reason}. {_way_out(path)}") from error


def _read(stream: IO[bytes] | gzip.GzipFile, path: Path) -> NDArray[Any]:
    dtype, shape = _read_header(stream, path)
    expected = math.prod(shape) * dtype.itemsize
    body = bytearray()
    # One byte more than expected is asked for: it shows padding, and lets gzip reach and verify its checksum.
    while len(body) <= expected and (chunk := stream.read(min(CHUNK, expected + 1 - len(body)))):
        body += chunk
    if len(body) != expected:
        found = f"only {len(body)}" if len(body) < expected else "more"
        raise DataError(
            f"{path}: the header announces {' x '.join(map(str, shape)) or 'one'} elements of {dtype.name}, "
            f"{expected} bytes, but {found} follow. {_way_out(path)}"
        )
    try:
        return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    except ValueError as error:  # no elements, yet other dimensions beyond what NumPy can index
        raise DataError(f"{path}: the dimensions {shape} are impossible. {_way_out(path)}") from error


def _read_header(stream: IO[bytes] | gzip.GzipFile, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        known = ", ".join(f"{code:02x}" for code in DTYPES)
        raise DataError(
            f"{path}: not an IDX file: it starts with {magic.hex(' ') or 'nothing'}; expected 00 00, a type "
            f"({known}) and a rank. {_way_out(path)}"
        )
    rank = magic[3]
    if rank > MAX_RANK:
        raise DataError(f"{path}: the header announces rank {rank}, above {MAX_RANK}. {_way_out(path)}")
    dimensions = stream.read(4 * rank)
    if len(dimensions) < 4 * rank:
        raise DataError(f"{path}: ends inside its header, which should list {rank} dimensions. {_way_out(path)}")
    return np.dtype(DTYPES[magic[2]]), struct.unpack(f">{rank}I", dimensions)


def _way_out(path: Path) -> str:
    return f"Fetch or copy {path.name} again; it must be the whole file, plain or gzip."
