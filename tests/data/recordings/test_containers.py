"""What holds for AEDAT4, HDF5, NPZ and CSV alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeformers.data.events.array import Sensor, make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import recording as recording_module
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.errors import DataError
from tests.data.recordings.containers import CONTAINERS
from tests.data.recordings.formats import Format, recordings

every_container = pytest.mark.parametrize("format", CONTAINERS.values(), ids=list(CONTAINERS))
EVENTS = make_events(np.arange(20) * 17 + 1000, np.arange(20) * 14 % 320, np.arange(20) * 11 % 240, np.arange(20) % 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("containers")


@every_container
@settings(max_examples=20)
@given(data=st.data(), chunk=st.integers(1, 20))
def test_what_is_written_is_read_in_chunks(folder: Path, format: Format, data: st.DataObject, chunk: int) -> None:
    events = data.draw(recordings(format))
    path = format.write(folder / format.name, events)
    losses = Losses()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording_module, "CHUNK", chunk)
        parts = list(open_recording(path).chunks(losses))
    assert not losses
    assert all(len(part) <= chunk for part in parts)
    np.testing.assert_array_equal(np.concatenate([events[:0], *parts]), events)


@every_container
@settings(max_examples=20)
@given(data=st.data(), chunk=st.integers(1, 60))
def test_a_window_of_time_is_the_whole_filtered(folder: Path, format: Format, data: st.DataObject, chunk: int) -> None:
    events = data.draw(recordings(format, least=1))
    path = format.write(folder / format.name, events)
    moment = st.one_of(st.none(), st.sampled_from(events["t"].tolist()), st.integers(0, int(events["t"][-1]) + 2))
    start, stop = data.draw(moment), data.draw(moment)
    losses = Losses()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording_module, "CHUNK", chunk)
        parts = list(open_recording(path).chunks(losses, start=start, stop=stop))
    expected = [
        event for event in events.tolist() if (start is None or start <= event[0]) and (stop is None or event[0] < stop)
    ]
    assert not losses
    assert np.concatenate([events[:0], *parts]).tolist() == expected


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
