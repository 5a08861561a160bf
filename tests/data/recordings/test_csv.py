from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import csv as csv_module
from spikeformers.data.recordings.column_names import find_columns
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.errors import DataError


def read_text(folder: Path, text: str, **words: str) -> tuple[list[tuple[int, ...]], dict[str, int]]:
    path = folder / "r.csv"
    path.write_bytes(text.encode())
    events, losses = read_events(path, **words)
    return events.tolist(), losses.reasons


BAD_LINES = ("1,2,3", "1,2,3,4,5", "a,b,c,d", "1,,2,1", "9" * 40 + ",1,1,1", "1.5,1,1,1", "\0", "\x1d", "1e3,1,1,1")


@pytest.mark.parametrize(
    "text",
    [
        "5,1,2,1\n6,3,4,0\n",
        "5;1;2;1\r\n6;3;4;0",
        "5 1\t2  1\n\n6 3 4 -1\n",
        "\ufeffx,y,polarity,timestamp\n1,2,1,5\n3,4,0,6\n",
        "# made by hand\n% t x y p\n5 1 2 1\n6 3 4 0\n",
        '"t [ns]","x","y","p","note"\n5000,1,2,1,0\n5501,3,4,0,9\n',
        "t_s x y p\n0.000005 1 2 on\n6e-6 3.0 4 off\n",
        "time(ms),x,y,on\n0.005,1,2,True\n0.006,3,4,False\n",
    ],
)
def test_ways_to_say_the_same(tmp_path: Path, text: str) -> None:
    assert read_text(tmp_path, text) == ([(5, 1, 2, 1), (6, 3, 4, 0)], {})


def test_times_that_are_not_whole_need_a_unit(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the first time, 0\.5, is no whole number.*time_unit='s'"):
        read_text(tmp_path, "0.5 1 2 1\n")
    assert read_text(tmp_path, "0.5 1 2 1\n", time_unit="s") == ([(500_000, 1, 2, 1)], {})


def test_a_format_with_a_fixed_unit_takes_none(tmp_path: Path) -> None:
    (tmp_path / "r.bin").write_bytes(b"")
    with pytest.raises(DataError, match="times of 40bit have a fixed unit"):
        open_recording(tmp_path / "r.bin", time_unit="s")


def test_a_header_must_name_all_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the header names time, x, y; expected t, x, y and p"):
        read_text(tmp_path, "time,x,y\n1,2,3\n")


@given(
    lines=st.lists(
        st.one_of(
            st.tuples(*[st.integers(0, 60000)] * 3, st.integers(0, 1)),
            st.sampled_from(
                ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1,,2,1", "9" * 40 + ",1,1,1", "1.5,1,1,1", "\0", "1e3,1,1,1"]
            ),
        ),
        max_size=20,
    ),
    block=st.integers(1, 60),
)
def test_every_line_is_an_event_or_counted(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[int, ...] | str], block: int
) -> None:
    events = [line for line in lines if not isinstance(line, str)]
    text = "1,1,1,1\n" + "".join((line if isinstance(line, str) else ",".join(map(str, line))) + "\n" for line in lines)
    path = tmp_path_factory.mktemp("csv") / "r.csv"
    path.write_text(text)
    losses = Losses()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_module, "BLOCK", block)
        parts = list(open_recording(path).chunks(losses))
    assert np.concatenate(parts).tolist() == [(1, 1, 1, 1), *events]
    assert sum(losses.reasons.values()) == len(lines) - len(events)


def test_a_line_without_an_end_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(b"1,2,3,1\n" + b"1" * (32 << 20) + b"\n2,2,3,1\n" + b"7," * (1 << 20))
    tracemalloc.start()
    read, losses = read_events(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read["t"].tolist() == [1, 2]
    assert losses.reasons == {"lines that are no event": 2}
    assert peak < 8 << 20  # a few blocks of half a MiB


def test_places_and_polarities_that_cannot_be_are_counted(tmp_path: Path) -> None:
    text = "1,0,0,1\n2,-1,0,1\n3,0,65536,1\n4,0,0,2\n-5,0,0,1\n"
    lost = {
        "events with impossible numbers": 1,
        "events outside the sensor": 2,
        "events of a time before the recording": 1,
    }
    assert read_text(tmp_path, text) == ([(1, 0, 0, 1)], lost)


@pytest.mark.parametrize(
    ("names", "unit"),
    [(["t", "x", "y", "p"], None), (["X", "Y", "Ts_us", "Pol"], "us"), (["x", "y", "time [s]", "on"], "s")],
)
def test_names_of_columns(names: list[str], unit: str | None) -> None:
    found = find_columns(names)
    assert found is not None
    assert {found.t, found.x, found.y, found.p} == set(names)
    assert found.unit == unit
    assert find_columns(names[1:]) is None
