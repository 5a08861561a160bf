from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeformers.data.events.array import make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings import hdf5_service
from spikeformers.data.recordings.hdf5 import open_spikes, read_labels
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.data.recordings.recording import read_whole
from spikeformers.errors import DataError
from tests.data.recordings.writers.hdf5 import write_columns, write_spikes

EVENTS = make_events(np.arange(40) * 10, np.arange(40) * 7, np.arange(40) * 5, np.arange(40) % 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hdf5")


@pytest.fixture
def fresh_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[hdf5_service._Service]:
    service = hdf5_service._Service()
    monkeypatch.setattr(hdf5_service, "_service", service)
    yield service
    service.close()


@settings(max_examples=20)
@given(data=st.data(), dtype=st.sampled_from([np.float16, np.float32, np.float64]))
def test_recordings_of_spikes_are_read_by_index(folder: Path, data: st.DataObject, dtype: type) -> None:
    counts = data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=4))
    random = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    times = [np.sort(random.random(count) * 1.4).astype(dtype) for count in counts]
    units = [random.integers(0, 700, count) for count in counts]
    path = write_spikes(folder / "r.h5", times, units, list(range(len(counts))), dtype=dtype)
    assert read_labels(path).tolist() == list(range(len(counts)))
    for index, (seconds, unit) in enumerate(zip(times, units, strict=True)):
        losses = Losses()
        read = read_whole(open_spikes(path, index), losses)
        assert not losses
        expected = [(round(float(s) * 1e6), int(u), 0, 0) for s, u in zip(seconds, unit, strict=True)]
        assert read.tolist() == expected


def test_many_recordings_need_an_index(tmp_path: Path) -> None:
    path = write_spikes(tmp_path / "r.h5", [np.zeros(1)] * 2, [np.zeros(1)] * 2, [0, 1])
    with pytest.raises(DataError, match=r"holds 2 recordings.*open_spikes\(path, index\)"):
        open_recording(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_whole(open_spikes(path, 2), Losses())


def test_spikes_of_units_that_do_not_exist_are_counted(tmp_path: Path) -> None:
    path = write_spikes(tmp_path / "r.h5", [np.array([0.1, np.nan, 0.2])], [np.array([3, 4, 700])], [0])
    read, losses = read_events(path)
    assert read["x"].tolist() == [3]
    assert losses.reasons == {"events with impossible numbers": 1, "events outside the sensor": 1}


def test_the_unit_of_times_is_said_and_never_guessed(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    with h5py.File(path, "w") as file:
        for name, values in (("ts", [0.5, 0.25e-6]), ("xs", [1, 2]), ("ys", [3, 4]), ("ps", [True, False])):
            file[f"events/{name}"] = values
    with pytest.raises(DataError, match="time_unit='s'"):
        read_events(path)
    read, losses = read_events(path, time_unit="s")
    assert read.tolist() == [(0, 2, 4, 0), (500_000, 1, 3, 1)]
    assert losses.reasons == {"events out of time order (sorted)": 1}
    with pytest.raises(DataError, match="Did you mean 'ms'"):
        read_events(path, time_unit="msec")


def test_columns_of_different_lengths_end_with_the_shortest(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    with h5py.File(path, "w") as file:
        for name, count in zip("txyp", (9, 7, 8, 9), strict=True):
            file[name] = np.arange(count) % 2
    read, losses = read_events(path)
    assert len(read) == 7
    assert losses.reasons["events missing in the file"] == 2


def test_a_claim_of_more_than_is_stored_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    with h5py.File(path, "w") as file:
        for name in "txyp":
            file.create_dataset(name, shape=(1 << 40,), dtype="i8", chunks=(1024,))
    with pytest.raises(DataError, match="claims 1,099,511,627,776 elements, but holds 0 bytes"):
        open_recording(path)


def test_other_contents_are_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "r.h5", "w") as file:
        file["pictures"] = np.zeros(3)
        file["link"] = h5py.ExternalLink("elsewhere.h5", "/t")
    with pytest.raises(DataError, match=r"holds no events but pictures\. Expected t, x, y and p"):
        open_recording(tmp_path / "r.h5")


def test_reading_survives_the_death_of_the_other_process(tmp_path: Path, fresh_service: hdf5_service._Service) -> None:
    path = write_columns(tmp_path / "r.h5", EVENTS)
    np.testing.assert_array_equal(read_events(path)[0], EVENTS)
    assert fresh_service.process is not None
    os.kill(fresh_service.process.pid, signal.SIGKILL)
    np.testing.assert_array_equal(read_events(path)[0], EVENTS)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system cannot limit computing")
def test_a_file_that_kills_the_library_is_refused(
    tmp_path: Path, fresh_service: hdf5_service._Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_columns(tmp_path / "r.h5", EVENTS)
    monkeypatch.setattr(hdf5_service, "COMPUTING", 1e-6)  # every answer takes longer
    with pytest.raises(DataError, match="died of it, or took too long"):
        read_events(path)
    assert fresh_service.process is None


def test_errors_do_not_add_up(
    tmp_path: Path, fresh_service: hdf5_service._Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5_service, "ERRORS", 2)
    (tmp_path / "bad.h5").write_bytes(b"no HDF5")
    pids = []
    for _ in range(3):
        with pytest.raises(DataError, match="signature"):
            read_events(tmp_path / "bad.h5")
        pids.append(fresh_service.process.pid if fresh_service.process else None)
    assert pids[0] is not None
    assert pids[1] is None
    assert pids[2] not in (None, pids[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_reads_with_its_own(tmp_path: Path, fresh_service: hdf5_service._Service) -> None:
    path = write_columns(tmp_path / "r.h5", EVENTS)
    read_events(path)
    assert fresh_service.process is not None
    before = fresh_service.process.pid
    child = os.fork()
    if child == 0:
        sound = len(read_events(path)[0]) == 40 and hdf5_service._service.process.pid != before  # type: ignore[union-attr]
        hdf5_service._service.close()
        os._exit(0 if sound else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(read_events(path)[0], EVENTS)
    assert fresh_service.process.pid == before
