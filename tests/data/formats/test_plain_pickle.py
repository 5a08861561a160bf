from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.formats.plain_pickle import read_plain_pickle
from spikeformers.errors import DataError
from tests.data.formats.python2 import python2_pickle

ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)
PYTHON2 = python2_pickle(ARRAY, [7, 0, 255])


def test_what_python_2_wrote_is_read_as_pickle_reads_it() -> None:
    ours, theirs = read_plain_pickle(PYTHON2, "here"), pickle.loads(PYTHON2, encoding="bytes")
    assert ours.keys() == theirs.keys() == {b"data", b"labels"}
    assert np.array_equal(ours[b"data"], ARRAY)
    assert np.array_equal(theirs[b"data"], ARRAY)
    assert ours[b"labels"] == theirs[b"labels"] == [7, 0, 255]


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.binary(min_size=1, max_size=300)
    | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=5) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(
    value=st.dictionaries(st.binary(min_size=1) | st.text(), PLAIN, max_size=5),
    array=st.binary(min_size=1, max_size=60),
    protocol=st.integers(2, 4),
)
def test_plain_values_come_back_in_every_protocol(value: dict[Any, Any], array: bytes, protocol: int) -> None:
    whole = value | {"array": np.frombuffer(array, np.uint8).reshape(1, -1, 1).copy()}
    read = read_plain_pickle(pickle.dumps(whole, protocol), "here")
    assert np.array_equal(read.pop("array"), whole.pop("array"))
    assert read == whole


def test_fortran_order_is_kept() -> None:
    array = np.asfortranarray(ARRAY)
    assert np.array_equal(read_plain_pickle(pickle.dumps({"a": array}, 4), "here")["a"], ARRAY)


class Attack:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (pickle.dumps({"a": Attack()}, 2), r"the name '(posix|nt)\.system'"),
        (pickle.dumps({"a": Attack()}, 4), r"the name '(posix|nt)\.system'"),
        (pickle.dumps({"a": Attack()}, 0), "the instruction"),
        (b"\x80\x02cnumpy\nload\n.", r"the name 'numpy\.load'"),
        (b"\x80\x02}(X\x01\x00\x00\x00acnumpy\nndarray\nK\x01\x85Ru.", "a call of .*numpy ndarray"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x06\x00\x00\x00punico\x86R.", "a call of .*_codecs encode"),
        (b"\x80\x02i__builtin__\neval\n.", "the instruction INST"),
        (b"\x80\x02K\x01Q.", "the instruction BINPERSID"),
        (pickle.dumps({"a": np.zeros(2)}, 2), "an array of .*f8.*; only uint8 arrays"),
        (pickle.dumps({"a": np.array([None])}, 2), "an array of .*O8.*; only uint8 arrays"),
    ],
)
def test_whatever_asks_for_more_is_refused_by_name(
    tmp_path, monkeypatch: pytest.MonkeyPatch, content: bytes, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf"here: refused, because this pickle asks for {named}"):
        read_plain_pickle(content, "here")
    assert not list(tmp_path.iterdir()), "nothing was executed"


@pytest.mark.parametrize(
    "content", [b"", b"hello", pickle.dumps([1, 2]), b"\x80\x02}}.", b"\x80\x02t.", b"\x80\x02K\x01K\x02\x86e."]
)
def test_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^here: (not a whole pickle|refused)"):
        read_plain_pickle(content, "here")


def test_an_array_that_claims_another_shape_is_refused() -> None:
    with pytest.raises(DataError, match=r"an array of shape \(3, 5\) with other content"):
        read_plain_pickle(PYTHON2.replace(b"M\x04\x00", b"M\x05\x00"), "here")


def test_every_truncation_is_refused() -> None:
    for length in range(len(PYTHON2)):
        with pytest.raises(DataError):
            read_plain_pickle(PYTHON2[:length], "here")


def check(content: bytes) -> None:
    message = "here: "
    try:
        assert isinstance(read_plain_pickle(content, "here"), dict)
    except DataError as error:
        message = str(error)
    assert message.startswith("here: ")


@given(data=st.data())
def test_damage_ends_in_a_dict_or_a_named_error(data: st.DataObject) -> None:
    damaged = bytearray(PYTHON2)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(damaged))


@given(start=st.sampled_from([b"", b"\x80\x02", b"\x80\x02}("]), content=st.binary(max_size=200))
def test_random_bytes_end_in_a_named_error(start: bytes, content: bytes) -> None:
    check(start + content)
