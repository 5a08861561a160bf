"""What holds for AEDAT4, HDF5, NPZ and CSV alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spikeformers.data.events.array import Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import csv
from spikeformers.data.recordings import recording as recording_module
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.errors import DataError
from tests.data.recordings.containers import CONTAINERS
from tests.data.recordings.formats import Format

every_container = pytest.mark.parametrize("format", CONTAINERS.values(), ids=list(CONTAINERS))
EVENTS = make_events(np.arange(20) * 17 + 1000, np.arange(20) * 14 % 320, np.arange(20) * 11 % 240, np.arange(20) % 2)


@pytest.mark.parametrize("name", [name for name in CONTAINERS if not name.startswith("aedat4")])
def test_reading_ends_where_the_time_is_past_the_window(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = EVENTS.copy()
    events["p"][-1] = 7  # would be counted, whatever its time
    path = CONTAINERS[name].write(tmp_path / CONTAINERS[name].name, events)
    monkeypatch.setattr(recording_module, "CHUNK", 4)
    monkeypatch.setattr(csv, "BLOCK", 50)
    to_the_end, to_the_middle = Losses(), Losses()
    recording = open_recording(path)
    assert sum(map(len, recording.chunks(to_the_end))) == len(EVENTS) - 1
    assert sum(map(len, recording.chunks(to_the_middle, stop=int(EVENTS["t"][10])))) == 10
    assert to_the_end.reasons == {"events with impossible numbers": 1}
    assert not to_the_middle


@pytest.mark.parametrize("name", [name for name in CONTAINERS if not name.startswith("csv")])
def test_a_file_cut_off_anywhere_gives_its_beginning_and_says_so(tmp_path: Path, name: str) -> None:
    content = CONTAINERS[name].write(tmp_path / CONTAINERS[name].name, EVENTS).read_bytes()
    path = tmp_path / f"cut{Path(CONTAINERS[name].name).suffix}"
    # HDF5 takes long to refuse a file, and of the text in AEDAT4's header a sample will do.
    header = len(content) if name.startswith("hdf5") else max(content.find(b"</dv>"), 0)
    for length in [*range(0, header, 41), *range(header, len(content))]:
        path.write_bytes(content[:length])
        try:
            read, losses = read_events(path)
        except DataError:
            continue
        np.testing.assert_array_equal(read, EVENTS[: len(read)])
        # Without a table, a file may end after any packet.
        assert len(read) == len(EVENTS) or losses or (name.endswith("never closed") and len(read) % 3 == 0)


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name.startswith("csv")])
def test_of_lines_cut_off_anywhere_each_is_an_event_or_counted(tmp_path: Path, name: str) -> None:
    content = CONTAINERS[name].write(tmp_path / CONTAINERS[name].name, EVENTS).read_bytes()
    path = tmp_path / f"cut{Path(CONTAINERS[name].name).suffix}"
    header = len(content.splitlines()) - len(EVENTS)
    for length in range(len(content.splitlines()[0]) + 1 if header else 0, len(content)):
        path.write_bytes(content[:length])
        losses = Losses()
        read = np.concatenate([EVENTS[:0], *open_recording(path).chunks(losses)])
        lines = len(content[:length].splitlines()) - header
        assert len(read) + sum(losses.reasons.values()) == lines
        whole = content[:length].count(b"\n") - header
        assert set(EVENTS[:whole].tolist()) <= set(read.tolist())


@every_container
def test_events_outside_the_camera_are_counted(tmp_path: Path, format: Format) -> None:
    path = format.write(tmp_path / format.name, EVENTS)
    read, losses = read_events(path, sensor=Sensor(100, 50))
    expected = EVENTS[(EVENTS["x"] < 100) & (EVENTS["y"] < 50)]
    np.testing.assert_array_equal(read, expected)
    assert losses.reasons == {"events outside the sensor": len(EVENTS) - len(expected)}
