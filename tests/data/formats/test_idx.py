from __future__ import annotations

import gzip
import struct
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spikeformers.data import read_idx
from spikeformers.errors import DataError

ToBytes = Callable[[np.ndarray], bytes]

arrays = hnp.arrays(
    dtype=st.sampled_from([np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]),
    shape=hnp.array_shapes(min_dims=0, max_dims=6, min_side=0, max_side=4),
)
SMALL = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def read_bytes(content: bytes) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some-idx"
        path.write_bytes(content)
        return read_idx(path)


def read_or_refuse(content: bytes) -> np.ndarray | None:
    try:
        return read_bytes(content)
    except DataError:
        return None


@given(array=arrays, compressed=st.booleans())
def test_what_was_written_is_read(idx_bytes: ToBytes, array: np.ndarray, compressed: bool) -> None:
    content = idx_bytes(array)
    found = read_bytes(gzip.compress(content) if compressed else content)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


@given(array=arrays, padding=st.binary(min_size=1, max_size=40), compressed=st.booleans())
def test_padding_is_refused(idx_bytes: ToBytes, array: np.ndarray, padding: bytes, compressed: bool) -> None:
    content = idx_bytes(array) + padding
    with pytest.raises(DataError, match="but more follow"):
        read_bytes(gzip.compress(content) if compressed else content)


@pytest.mark.parametrize("compressed", [False, True])
def test_every_truncation_is_refused(idx_bytes: ToBytes, compressed: bool) -> None:
    content = idx_bytes(SMALL)
    content = gzip.compress(content) if compressed else content
    for length in range(len(content)):
        with pytest.raises(DataError, match="some-idx"):
            read_bytes(content[:length])


@given(array=arrays, data=st.data())
def test_a_damaged_gzip_file_never_yields_other_numbers(idx_bytes: ToBytes, array: np.ndarray, data) -> None:
    damaged = bytearray(gzip.compress(idx_bytes(array)))
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] ^= data.draw(st.integers(1, 255))
    found = read_or_refuse(bytes(damaged))
    assert found is None or found.tobytes() == array.tobytes()


@given(array=arrays, data=st.data())
def test_a_damaged_header_never_yields_more_or_less_than_the_file_holds(
    idx_bytes: ToBytes, array: np.ndarray, data
) -> None:
    damaged = bytearray(idx_bytes(array))
    position = data.draw(st.integers(0, 3 + 4 * array.ndim))
    damaged[position] ^= data.draw(st.integers(1, 255))
    found = read_or_refuse(bytes(damaged))
    assert found is None or 4 + 4 * found.ndim + found.nbytes == len(damaged)


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"\x1f\x8b\x08\0" + tail))
def test_arbitrary_bytes_are_read_or_refused(content: bytes) -> None:
    read_or_refuse(content)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("shape", [(2**32 - 1,) * 3, (2**32 - 1,) * 32, (2**31,)])
def test_absurd_dimensions_take_no_memory(shape: tuple[int, ...], compressed: bool) -> None:
    content = struct.pack(f">BBBB{len(shape)}I", 0, 0, 0x0E, len(shape), *shape) + bytes(100)
    content = gzip.compress(content) if compressed else content
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="but only 100 follow"):
            read_bytes(content)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_empty_but_impossible_dimensions_are_refused() -> None:
    with pytest.raises(DataError, match="impossible"):
        read_bytes(struct.pack(">BBBB4I", 0, 0, 0x0E, 4, 0, *(2**32 - 1,) * 3))


def test_a_rank_beyond_numpy_is_refused() -> None:
    with pytest.raises(DataError, match="rank 200"):
        read_bytes(struct.pack(">BBBB200I", 0, 0, 0x08, 200, *(1,) * 200) + b"x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with nothing"),
        (b"\0\0\x08", "not an IDX file: it starts with 00 00 08"),
        (b"PK\x03\x04....", "not an IDX file: it starts with 50 4b 03 04"),
        (b"\0\0\x0a\x01\0\0\0\x01x", "not an IDX file"),
        (b"\0\x01\x08\x01\0\0\0\x01x", "not an IDX file"),
        (b"\0\0\x08\x03\0\0\0\x01", "ends inside its header"),
        (b"\0\0\x08\x01\0\0\0\x05abc", "announces 5 elements of uint8, 5 bytes, but only 3 follow"),
        (b"\x1f\x8bnot gzip at all", "cannot be read"),
    ],
)
def test_the_message_says_what_was_found_and_what_to_do(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_bytes(content)
    assert "some-idx" in str(caught.value)
    assert "Fetch or copy some-idx again" in str(caught.value)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="directory"):
        read_idx(tmp_path)
