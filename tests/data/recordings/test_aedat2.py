from __future__ import annotations

import struct
from pathlib import Path

import pytest

from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.errors import DataError
from tests.data.recordings.writers.aedat2 import HEADER


def written(path: Path, *records: tuple[int, int], header: bytes = HEADER) -> Path:
    path.write_bytes(header + b"".join(struct.pack(">II", address, t) for address, t in records))
    return path


def test_addresses_are_turned_as_the_papers_readers_turn_them(tmp_path: Path) -> None:
    # x' = 3 in bits 1..7, y' = 100 in bits 8..14, bit 0 set: darker.
    path = written(tmp_path / "a.aedat", (100 << 8 | 3 << 1 | 1, 1000), (100 << 8 | 3 << 1, 1001))
    events, losses = read_events(path)
    assert events.tolist() == [(1000, 27, 124, 0), (1001, 27, 124, 1)]
    assert not losses


def test_external_events_and_impossible_addresses_are_left_out_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.aedat", (0x8000, 1), (0x10000, 2), (0, 3))
    events, losses = read_events(path)
    assert events["t"].tolist() == [3]
    assert losses.reasons == {"external events, which are no pixel's": 1, "addresses a DVS128 does not have": 1}


def test_losses_outside_the_window_are_not_counted(tmp_path: Path) -> None:
    recording = open_recording(written(tmp_path / "a.aedat", (0x8000, 1), (0, 30)))
    events, losses = read_events(recording.path)
    assert len(events) == 1
    assert losses
    losses.reasons.clear()
    assert [len(part) for part in recording.chunks(losses, start=10)] == [1]
    assert not losses


def test_a_full_counter_goes_on_and_a_small_step_back_is_sorted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.aedat", *((0, t) for t in (2**32 - 9, 2**32 - 11, 5, 2**31, 4)))
    events, losses = read_events(path)
    assert events["t"].tolist() == [2**32 - 11, 2**32 - 9, 2**32 + 4, 2**32 + 5, 2**32 + 2**31]
    assert losses.reasons == {"events out of time order (sorted)": 2}


def test_a_time_before_the_recording_is_left_out_and_counted(tmp_path: Path) -> None:
    events, losses = read_events(written(tmp_path / "a.aedat", (0, 10), (0, 2**32 - 1), (0, 20)))
    assert events["t"].tolist() == [10, 20]
    assert losses.reasons == {"events of a time before the recording": 1}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"#!AER-DAT1.0\r\n", "no AEDAT 2.0"),
        (b"", "no AEDAT 2.0"),
        (HEADER + b"# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n", "DAVIS"),
        (HEADER + b"#" * 70000, "no end"),
        (HEADER + b"#\n" * 5000, "no end"),
    ],
)
def test_headers_that_cannot_be_read_are_refused(tmp_path: Path, header: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_recording(written(tmp_path / "a.aedat", header=header), format="aedat2")
