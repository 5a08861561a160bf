"""EVT 2.0, EVT 3.0 and DAT, on words made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikeformers.data.events.array import Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import evt2 as evt2_module
from spikeformers.data.recordings import recording as recording_module
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.errors import DataError
from tests.data.recordings.writers.evt2 import evt2_header
from tests.data.recordings.writers.evt3 import evt3_header

SENSOR = Sensor(1280, 720)


def evt2(folder: Path, *words: int) -> Path:
    (folder / "a.raw").write_bytes(evt2_header(SENSOR) + np.array(words, dtype="<u4").tobytes())
    return folder / "a.raw"


def evt3(folder: Path, *words: int) -> Path:
    (folder / "a.raw").write_bytes(evt3_header(SENSOR) + np.array(words, dtype="<u2").tobytes())
    return folder / "a.raw"


def dat(folder: Path, body: bytes, header: bytes = b"% Data file containing CD events\n% Version 2\n") -> Path:
    (folder / "a.dat").write_bytes(header + body)
    return folder / "a.dat"


def test_evt2_words(tmp_path: Path) -> None:
    path = evt2(tmp_path, 0x80000002, 0x10000000 | 5 << 22 | 1279 << 11 | 719, 0x00000000 | 6 << 22 | 1 << 11)
    events, losses = read_events(path)
    assert events.tolist() == [(133, 1279, 719, 1), (134, 1, 0, 0)]
    assert not losses
    assert open_recording(path).sensor == SENSOR


def test_evt2_what_is_no_pixels_is_no_loss_but_unknown_words_and_events_without_time_are(tmp_path: Path) -> None:
    path = evt2(tmp_path, 0x10000000, 0x80000000, 0xA0000001, 0xE0000000, 0xF0000000, 0x30000000, 0x70000000, 0)
    events, losses = read_events(path)
    assert events.tolist() == [(0, 0, 0, 0)]
    assert losses.reasons == {"words of an unknown kind": 2, "events before the first word of time": 1}


def test_evt2_events_outside_the_sensor_are_counted(tmp_path: Path) -> None:
    events, losses = read_events(evt2(tmp_path, 0x80000000, 1280 << 11, 720, 719))
    assert events.tolist() == [(0, 0, 719, 0)]
    assert losses.reasons == {"events outside the sensor": 2}


def test_evt2_windows_are_found_where_words_of_time_are_rare_and_the_first_words_are_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_module, "CHUNK", 60)
    monkeypatch.setattr(evt2_module, "SEARCHED", 7)
    random = np.random.default_rng(2)
    words = [*random.integers(0, 1 << 28, 5)]
    for high in np.sort(random.integers(0, 1 << 28, 150)):
        words += [
            0x80000000 | high,
            *(lower << 22 for lower in np.sort(random.integers(0, 64, random.integers(0, 50)))),
        ]
    recording = open_recording(evt2(tmp_path, *words))
    whole = np.concatenate(list(recording.chunks(Losses())))
    assert len(whole) == sum(word >> 28 == 0 for word in words) - 5
    start, stop = whole["t"][2000], whole["t"][2300]
    losses = Losses()
    part = np.concatenate(list(recording.chunks(losses, start=int(start), stop=int(stop))))
    np.testing.assert_array_equal(part, whole[(whole["t"] >= start) & (whole["t"] < stop)])
    assert not losses  # the events before the first word of time were not read


def test_evt3_single_events_hold_time_and_row(tmp_path: Path) -> None:
    path = evt3(tmp_path, 0x8001, 0x6002, 700, 0x2000 | 2048 | 9, 0x2000 | 10, 0x6003, 0x2000 | 11, 0x8002, 0x2001)
    events, losses = read_events(path)
    # The lower bits of the time are 0 again after the upper ones have changed.
    assert events.tolist() == [(4098, 9, 700, 1), (4098, 10, 700, 0), (4099, 11, 700, 0), (8192, 1, 700, 0)]
    assert not losses


def test_evt3_an_upper_word_that_says_the_same_again_keeps_the_lower_one(tmp_path: Path) -> None:
    events, _ = read_events(evt3(tmp_path, 0x8001, 0x6002, 0, 0x8001, 0x2000))
    assert events["t"].tolist() == [4098]


def test_evt3_vectors_move_the_base_on(tmp_path: Path) -> None:
    path = evt3(tmp_path, 0x8000, 0x6001, 3, 0x3000 | 2048 | 100, 0x4801, 0x5081, 0x4002, 0x3005, 0x5FFF)
    events, losses = read_events(path)
    assert events["x"].tolist() == [100, 111, 112, 119, 121, *range(5, 13)]
    assert events["p"].tolist() == [1] * 5 + [0] * 8
    assert not losses


def test_evt3_words_of_no_pixel_are_no_loss_but_unknown_ones_and_events_nobody_can_place_are(tmp_path: Path) -> None:
    path = evt3(
        tmp_path, 0x2001, 0x8000, 0x2001, 0x4003, 0x7001, 0xA001, 0xE001, 0xF001, 0x1000, 0x9000, 5, 0x4001, 0x2001
    )
    events, losses = read_events(path)
    assert events.tolist() == [(0, 1, 5, 0)]
    assert losses.reasons == {
        "words of an unknown kind": 2,
        "events before the first word of time": 1,
        "events before the first word of row or column": 4,
    }


def test_evt3_vectors_beyond_the_last_column_are_counted(tmp_path: Path) -> None:
    events, losses = read_events(evt3(tmp_path, 0x8000, 0, 0x3000 | 2047, 0x4003), sensor=Sensor(2048, 2048))
    assert events["x"].tolist() == [2047]
    assert losses.reasons == {"events of vectors beyond the last column": 1}


def test_dat_records(tmp_path: Path) -> None:
    record = (77).to_bytes(4, "little") + (5 | 9 << 14 | 1 << 28).to_bytes(4, "little")
    strange = (78).to_bytes(4, "little") + (2 << 28).to_bytes(4, "little")
    events, losses = read_events(dat(tmp_path, b"\x0c\x08" + record + strange))
    assert events.tolist() == [(77, 5, 9, 1)]
    assert losses.reasons == {"events of an unknown polarity": 1}
    assert open_recording(tmp_path / "a.dat").sensor is None


@pytest.mark.parametrize(
    ("body", "header", "message"),
    [
        (b"\x0e\x08", b"% Version 2\n", "0x0e"),
        (b"\x0c\x10", b"% Version 2\n", "16 bytes"),
        (b"\x0c", b"% Version 2\n", "within its header"),
        (b"\x0c\x08", b"% Version 1\n", "version 1"),
        (b"\x0c\x08", b"% Version 2\n% Width 0\n% Height 5\n", "size of 0 x 5"),
        (b"\x0c\x08", b"% Version 2\n% Width 12\n% Height " + b"9" * 5000 + b"\n", "sensor="),
    ],
)
def test_dat_headers_that_cannot_be_read_are_refused(tmp_path: Path, body: bytes, header: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_recording(dat(tmp_path, body, header))


def test_the_users_size_counts_more_than_a_damaged_one(tmp_path: Path) -> None:
    path = dat(tmp_path, b"\x0c\x08", b"% Version 2\n% Width 0\n% Height 5\n")
    assert open_recording(path, sensor=SENSOR).sensor == SENSOR


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"% evt 2.1\n", "EVT21"),
        (b"% format EVT21;width=3;height=2\n", "EVT21"),
        (b"% evt 3.0\n", "EVT3, not EVT2"),
        (b"% evt 2.0\n% endianness big\n", "big-endian"),
        (b"% evt 2.0\n% geometry 12xAB\n", "12 x ab"),
    ],
)
def test_raw_headers_of_other_encodings_are_refused(tmp_path: Path, header: bytes, message: str) -> None:
    (tmp_path / "a.raw").write_bytes(header)
    with pytest.raises(DataError, match=message):
        open_recording(tmp_path / "a.raw", format="evt2")
