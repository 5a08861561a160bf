"""What is written is what the reader of N-MNIST reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.events.array import Events, make_events
from spikeformers.data.recordings.opening import read_events
from spikeformers.data.simulate.forty_bit import write_forty_bit
from spikeformers.errors import DataError

Event = tuple[int, int, int, int]
EVENTS = st.lists(
    st.tuples(st.integers(0, 20_000_000), st.integers(0, 255), st.integers(0, 239), st.integers(0, 1)), max_size=40
)


@given(EVENTS)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, events: list[Event]) -> None:
    path = tmp_path_factory.mktemp("written") / "1.bin"
    written = make_events(*np.array(sorted(events), dtype=np.int64).reshape(-1, 4).T)
    write_forty_bit(path, written)
    read, losses = read_events(path)
    assert not losses
    assert (read == written).all()


def test_a_record_is_five_bytes(tmp_path: Path) -> None:
    write_forty_bit(tmp_path / "1.bin", make_events([0x123456, 0x7FFFFF], [3, 4], [5, 6], [1, 0]))
    assert (tmp_path / "1.bin").read_bytes() == bytes([3, 5, 0x92, 0x34, 0x56, 4, 6, 0x7F, 0xFF, 0xFF])


@pytest.mark.parametrize(("extra", "overflows"), [(0, 1), (8191, 1), (8192, 2), (100 * 8192, 101)])
def test_times_beyond_the_counter_come_after_overflows(tmp_path: Path, extra: int, overflows: int) -> None:
    events = make_events([5, (1 << 23) + extra], 0, 0, 0)
    write_forty_bit(tmp_path / "1.bin", events)
    assert (tmp_path / "1.bin").stat().st_size == 5 * (2 + overflows)
    assert (read_events(tmp_path / "1.bin")[0] == events).all()


@pytest.mark.parametrize(
    "events",
    [
        make_events([2, 1], 0, 0, 0),
        make_events([-1], 0, 0, 0),
        make_events([0], 256, 0, 0),
        make_events([0], 0, 240, 0),
    ],
    ids=["out of order", "before 0", "too far right", "too far down"],
)
def test_what_the_format_cannot_hold_is_refused(tmp_path: Path, events: Events) -> None:
    with pytest.raises(DataError, match="40-bit records hold"):
        write_forty_bit(tmp_path / "1.bin", events)
    assert not any(tmp_path.iterdir())
