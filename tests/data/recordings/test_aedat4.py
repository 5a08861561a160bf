from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from spikeformers.data.events.array import Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import aedat4_packets
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.data.recordings.recording import read_whole
from spikeformers.errors import DataError
from tests.data.recordings.writers.aedat4 import MAGIC, event_packet, file_of, write_aedat4

CAMERA = Sensor(320, 240)
EVENTS = make_events(np.arange(40) * 10, np.arange(40) * 7, np.arange(40) * 5, np.arange(40) % 2)
# Of the two recordings in the source package of aermanager 0.3.0 (AGPL), as `aedat` reads them.
REAL = {"class1/test.aedat4": 111_954, "class2/data_sample.aedat4": 323_963}


def read_bytes(folder: Path, content: bytes) -> tuple[np.ndarray, Losses]:
    path = folder / "r.aedat4"
    path.write_bytes(content)
    return read_events(path)


def packet_begins(content: bytes) -> list[int]:
    """Return where the packets' headers are, by walking from the end of the header to the table."""
    (size,) = struct.unpack_from("<I", content, len(MAGIC))
    place, begins = len(MAGIC) + 4 + size, []
    table = content.index(b"FTAB") - 8
    while place < table:
        begins.append(place)
        place += 8 + struct.unpack_from("<i", content, place + 4)[0]
    return begins


def test_the_camera_is_as_the_header_says_unless_the_caller_knows_better(tmp_path: Path) -> None:
    path = write_aedat4(tmp_path / "r.aedat4", EVENTS, CAMERA)
    assert open_recording(path).sensor == CAMERA
    assert open_recording(path, sensor=Sensor(9, 9)).sensor == Sensor(9, 9)
    assert open_recording(write_aedat4(path, EVENTS)).sensor is None


@pytest.mark.parametrize("closed", [True, False])
def test_a_damaged_packet_is_left_out_and_counted(tmp_path: Path, closed: bool) -> None:
    path = write_aedat4(tmp_path / "r.aedat4", EVENTS, packet=10, compression=0, closed=closed, others=False)
    content = bytearray(path.read_bytes())
    place = content.index(b"EVTS", content.index(b"EVTS", content.index(b"</dv>")) + 1)  # in the second packet
    content[place : place + 4] = b"oops"
    read, losses = read_bytes(tmp_path, bytes(content))
    np.testing.assert_array_equal(read, np.delete(EVENTS, np.s_[10:20]))
    assert losses.reasons == {"damaged packets": 1}


def test_with_a_table_reading_goes_on_behind_a_damaged_length(tmp_path: Path) -> None:
    path = write_aedat4(tmp_path / "r.aedat4", EVENTS, packet=10, compression=0, others=False)
    content = bytearray(path.read_bytes())
    struct.pack_into("<i", content, packet_begins(bytes(content))[1] + 4, 1 << 30)
    read, losses = read_bytes(tmp_path, bytes(content))
    np.testing.assert_array_equal(read, np.delete(EVENTS, np.s_[10:20]))
    assert losses.reasons == {"damaged packets": 1}


def test_packets_of_other_streams_are_counted(tmp_path: Path) -> None:
    packets = [event_packet(stream, EVENTS[:5]) for stream in (3, 5, 9, 9)]
    content = file_of(packets, {3: "EVTS", 5: "EVTS"}, CAMERA, 1, closed=True)
    read, losses = read_bytes(tmp_path, content)
    np.testing.assert_array_equal(read, EVENTS[:5])
    assert losses.reasons == {"packets of other event streams": 1, "packets of unknown streams": 2}


def test_negative_places_are_outside_the_sensor(tmp_path: Path) -> None:
    events = EVENTS.copy()
    events["x"][3] = 65535  # -1, as a signed number of 16 bits
    read, losses = read_events(write_aedat4(tmp_path / "r.aedat4", events))
    np.testing.assert_array_equal(read, np.delete(EVENTS, 3))
    assert losses.reasons == {"events outside the sensor": 1}


def test_only_packets_at_the_time_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_aedat4(tmp_path / "r.aedat4", EVENTS, packet=4)
    recording, unpacked = open_recording(path), []
    unpack = aedat4_packets.unpack
    monkeypatch.setattr(
        "spikeformers.data.recordings.aedat4.unpack",
        lambda packed, compression: unpacked.append(1) or unpack(packed, compression),
    )
    read = read_whole(recording, Losses(), start=100, stop=150)
    np.testing.assert_array_equal(read, EVENTS[10:15])
    assert len(unpacked) == 2  # events 8 to 11 and 12 to 15


def test_a_packet_that_grows_without_bound_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aedat4_packets, "LARGEST", 1 << 16)
    for compression in (0, 1, 3):
        packets = [event_packet(0, np.repeat(EVENTS[:1], 5000)), event_packet(0, EVENTS)]
        content = file_of(packets, {0: "EVTS"}, CAMERA, compression, closed=True)
        read, losses = read_bytes(tmp_path, content)
        np.testing.assert_array_equal(read, EVENTS)
        assert losses.reasons == {"damaged packets": 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "should begin with"),
        (MAGIC + struct.pack("<I", 1 << 31), "claims 2,147,483,648 bytes"),
        (MAGIC + struct.pack("<I", 100) + b"\0" * 100, "no whole buffer of kind IOHE"),
        (file_of([], {0: "FRME"}, None, 0, closed=True), "names no stream of events"),
        (file_of([], {0: '"><!DOCTYPE a>'}, None, 0, closed=True), "defines entities"),
    ],
)
def test_a_header_that_cannot_be_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_bytes(tmp_path, content)


def test_a_table_that_is_damaged_is_not_needed(tmp_path: Path) -> None:
    path = write_aedat4(tmp_path / "r.aedat4", EVENTS, compression=0)
    content = path.read_bytes().replace(b"FTAB", b"oops")
    read, losses = read_bytes(tmp_path, content)
    np.testing.assert_array_equal(read, EVENTS)
    assert losses  # what is left of the table is no packet


def as_aedat_reads(path: Path) -> np.ndarray:
    aedat = pytest.importorskip("aedat", reason="the package aedat, an independent reader, is not installed")
    packets = [packet["events"] for packet in aedat.Decoder(path) if "events" in packet]
    events = np.concatenate(packets)
    return make_events(events["t"], events["x"], events["y"], events["on"])


@pytest.mark.parametrize("compression", range(5))
def test_aedat_reads_what_the_tests_write(tmp_path: Path, compression: int) -> None:
    path = write_aedat4(tmp_path / "r.aedat4", EVENTS, CAMERA, compression=compression)
    np.testing.assert_array_equal(as_aedat_reads(path), EVENTS)


@pytest.mark.parametrize(("name", "count"), REAL.items())
def test_real_recordings_are_read_in_whole_and_in_part(name: str, count: int) -> None:
    path = Path(os.environ.get("SPIKEFORMERS_DATA", "")) / "aermanager" / name
    if not path.is_file():
        pytest.skip("$SPIKEFORMERS_DATA/aermanager/ does not hold the recordings of aermanager's source package")
    read, losses = read_events(path)
    assert not losses
    assert len(read) == count
    assert open_recording(path).sensor == CAMERA
    start, stop = int(read["t"][count // 3]), int(read["t"][count // 2])
    part = read_whole(open_recording(path), losses, start=start, stop=stop)
    np.testing.assert_array_equal(part, read[(read["t"] >= start) & (read["t"] < stop)])
    np.testing.assert_array_equal(read, as_aedat_reads(path))
