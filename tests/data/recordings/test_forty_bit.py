from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from spikeformers.data.events.array import Sensor
from spikeformers.data.recordings.opening import read_events

# x, y, polarity and microseconds (23 bits, big-endian), written down by hand.
RECORDS = bytes([5, 7, 0x80, 0x01, 0x02, 33, 0, 0x01, 0x00, 0x00])
OVERFLOW = bytes([0, 240, 0, 0, 0])


def test_records_made_by_hand(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(RECORDS + OVERFLOW + RECORDS)
    events, losses = read_events(tmp_path / "a.bin")
    assert events.tolist() == [(258, 5, 7, 1), (258 + 8192, 5, 7, 1), (65536, 33, 0, 0), (65536 + 8192, 33, 0, 0)]
    assert losses.reasons == {"events out of time order (sorted)": 1}


def test_what_lies_outside_the_sensor_and_half_a_record_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(RECORDS + b"\x01\x02")
    events, losses = read_events(tmp_path / "a.bin", sensor=Sensor(33, 34))
    assert events.tolist() == [(258, 5, 7, 1)]
    assert losses.reasons == {"events outside the sensor": 1, "bytes of an incomplete record at the end": 2}


def test_real_recordings_are_in_order_and_on_the_sensor() -> None:
    folder = Path(os.environ.get("SPIKEFORMERS_DATA", "")) / "nmnist" / "Train"
    if not folder.is_dir():
        pytest.skip("SPIKEFORMERS_DATA names no directory with nmnist/Train")
    for path in sorted(folder.glob("*/*.bin"))[::20]:
        events, losses = read_events(path, sensor=Sensor(34, 34))
        assert not losses
        assert len(events) * 5 == path.stat().st_size  # these recordings have no overflows
        assert 0 <= np.ptp(events["t"]) < 400_000
