from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import aedat3_packets as packets_module
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.errors import DataError
from tests.data.recordings.writers.aedat3 import HEADER, other_packet, write_aedat3

CUT = "packets that are cut short or of a damaged length"


def some_events(number: int) -> Events:
    random = np.random.default_rng(number)
    x, y = random.integers(0, 128, (2, number))
    return make_events(1000 + 7 * np.arange(number), x, y, random.integers(0, 2, number))


def packets_of(path: Path, events: Events, packet: int) -> list[bytes]:
    """Return the packets of a file, each as bytes; the last may be shorter than `packet` events."""
    body = write_aedat3(path, events, packet=packet).read_bytes()[len(HEADER) :]
    size = 28 + 8 * packet
    return [body[first : first + size] for first in range(0, len(body), size)]


def test_a_packet_made_by_hand(tmp_path: Path) -> None:
    data = 5 << 17 | 9 << 2 | 1 << 1 | 1
    packet = struct.pack("<hhiiiiii", 1, 0, 8, 4, 3, 2, 2, 1) + struct.pack("<Ii", data, 77)
    (tmp_path / "a.aedat").write_bytes(HEADER + packet + struct.pack("<Ii", data - 1, 78))
    events, losses = read_events(tmp_path / "a.aedat")
    assert events.tolist() == [(3 * 2**31 + 77, 5, 9, 1)]
    assert losses.reasons == {"events marked as invalid": 1}
    assert open_recording(tmp_path / "a.aedat").sensor == Sensor(128, 128)


def test_events_marked_as_invalid_are_left_out_and_counted(tmp_path: Path) -> None:
    events = some_events(20)
    read, losses = read_events(write_aedat3(tmp_path / "a.aedat", events, packet=6, invalid=(0, 7, 19)))
    np.testing.assert_array_equal(read, np.delete(events, [0, 7, 19]))
    assert losses.reasons == {"events marked as invalid": 3}


def test_other_packets_are_passed_over_and_are_no_loss(tmp_path: Path) -> None:
    events = some_events(12)
    first, second = packets_of(tmp_path / "a.aedat", events, 6)
    content = HEADER + other_packet(3, 36, 5) + first + other_packet(2, 1000, 1) + second + other_packet(0, 8, 1)
    (tmp_path / "a.aedat").write_bytes(content)
    read, losses = read_events(tmp_path / "a.aedat")
    np.testing.assert_array_equal(read, events)
    assert not losses


@pytest.mark.parametrize("searched", [(40, 64), packets_module.SEARCHED])
def test_after_a_damaged_header_reading_goes_on_at_the_next_packet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, searched: tuple[int, int]
) -> None:
    monkeypatch.setattr(packets_module, "SEARCHED", searched)
    events = some_events(60)
    parts = packets_of(tmp_path / "a.aedat", events, 20)
    parts[1] = b"\xff" * 8 + parts[1][8:]
    (tmp_path / "a.aedat").write_bytes(HEADER + b"".join(parts))
    read, losses = read_events(tmp_path / "a.aedat")
    np.testing.assert_array_equal(read, np.delete(events, slice(20, 40)))
    assert losses.reasons == {"bytes that are no packet": 28 + 20 * 8}


@pytest.mark.parametrize("number", [2**31 - 1, 41, 25])
def test_a_header_that_announces_too_many_events_is_not_believed(tmp_path: Path, number: int) -> None:
    events = some_events(60)
    parts = packets_of(tmp_path / "a.aedat", events, 20)
    parts[1] = parts[1][:16] + struct.pack("<ii", number, number) + parts[1][24:]
    (tmp_path / "a.aedat").write_bytes(HEADER + b"".join(parts))
    read, losses = read_events(tmp_path / "a.aedat")
    np.testing.assert_array_equal(read, events)
    assert losses.reasons == {CUT: 1}


def test_rubbish_has_no_packets(tmp_path: Path) -> None:
    negative = struct.pack("<hhiiiiii", 1, 0, 8, 4, -1, -1, -1, -1)
    for rubbish in (bytes(5000), b"\xff" * 5000, negative * 400):
        (tmp_path / "a.aedat").write_bytes(HEADER + rubbish)
        events, losses = read_events(tmp_path / "a.aedat", sensor=Sensor(1, 1))
        assert len(events) == 0
        assert losses


def test_packets_outside_the_window_are_not_decoded(tmp_path: Path) -> None:
    events = some_events(30)
    path = write_aedat3(tmp_path / "a.aedat", events, packet=10, invalid=(1, 15, 25))
    losses = Losses()
    parts = open_recording(path).chunks(losses, start=int(events["t"][10]), stop=int(events["t"][20]))
    np.testing.assert_array_equal(np.concatenate(list(parts)), np.delete(events[10:20], 5))
    assert losses.reasons == {"events marked as invalid": 1}  # the one of the middle packet only


@pytest.mark.parametrize(
    ("header", "message"),
    [(b"#!AER-DAT2.0\r\n", "no AEDAT 3.1"), (HEADER.replace(b"RAW", b"SerializedTS,PNGFrames"), "SerializedTS")],
)
def test_headers_that_cannot_be_read_are_refused(tmp_path: Path, header: bytes, message: str) -> None:
    (tmp_path / "a.aedat").write_bytes(header)
    with pytest.raises(DataError, match=message):
        open_recording(tmp_path / "a.aedat", format="aedat3")
