from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from spikeformers.data.events.array import make_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.opening import open_recording, read_events
from spikeformers.errors import DataError
from tests.data.recordings.writers.npz import write_npz


def npy(array: np.ndarray, claimed: int | None = None) -> bytes:
    """Return an array as .npy, with another length in its header where one is claimed."""
    file = io.BytesIO()
    if claimed is None:
        np.save(file, array, allow_pickle=True)
    else:
        header = {"descr": array.dtype.str, "fortran_order": False, "shape": (claimed,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.tobytes())
    return file.getvalue()


def archive(path: Path, *, how: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", how) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def columns(t: np.ndarray, claimed: int | None = None) -> dict[str, bytes]:
    return {"ts": npy(t, claimed)} | {name: npy(np.zeros(len(t), np.int16), claimed) for name in ("x", "y", "p")}


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[type, tuple[str]]:
            return AssertionError, ("unpickled",)

    path = archive(tmp_path / "r.npz", **columns(np.arange(1)) | {"ts": npy(np.array([Trap()], dtype=object))})
    with pytest.raises(DataError, match="holds no events"):
        open_recording(path)


def test_a_giant_claim_takes_no_memory_and_is_counted(tmp_path: Path) -> None:
    path = archive(tmp_path / "r.npz", **columns(np.arange(100), claimed=1 << 50))
    tracemalloc.start()
    read, losses = read_events(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read["t"].tolist() == list(range(100))
    assert losses.reasons == {"events missing in the file": (1 << 50) - 100}
    assert peak < 16 << 20  # a chunk of four columns takes 2 MiB


def test_memory_does_not_grow_with_what_is_unpacked(tmp_path: Path) -> None:
    """40 MB of zeros are 40 kB in the archive."""
    events = np.zeros(3_000_000, make_events(0, 0, 0, 0).dtype)
    path = write_npz(tmp_path / "r.npz", events, structured=True, compressed=True)
    assert path.stat().st_size < events.nbytes / 100
    recording = open_recording(path)
    tracemalloc.start()
    count = sum(len(part) for part in recording.chunks(Losses()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == len(events)
    assert peak < events.nbytes / 2  # chunks of 65536 events, some copies of each


def test_compression_without_a_bound_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "r.npz", how=zipfile.ZIP_LZMA, **columns(np.arange(5)))
    with pytest.raises(DataError, match="in another way than NumPy"):
        open_recording(path)


def test_damage_in_the_middle_leaves_the_events_before_it(tmp_path: Path) -> None:
    t = np.arange(300_000)
    path = archive(tmp_path / "r.npz", how=zipfile.ZIP_STORED, **columns(t))
    content = bytearray(path.read_bytes())
    place = content.index((299_000).to_bytes(8, "little"))
    content[place] ^= 1
    path.write_bytes(content)
    read, losses = read_events(path)
    np.testing.assert_array_equal(read["t"], t[: len(read)])
    assert len(read) > 200_000
    assert losses.reasons == {"events missing in the file": len(t) - len(read)}


def test_arrays_of_different_lengths_end_with_the_shortest(tmp_path: Path) -> None:
    path = archive(tmp_path / "r.npz", **columns(np.arange(9)) | {"x": npy(np.zeros(4, np.int16))})
    read, losses = read_events(path)
    assert len(read) == 4
    assert losses.reasons == {"events missing in the file": 5}


def test_units_of_time(tmp_path: Path) -> None:
    seconds = np.array([0.0, 0.5, 1.25])
    path = archive(tmp_path / "r.npz", **columns(seconds))
    with pytest.raises(DataError, match="time_unit='s'"):
        read_events(path)
    assert read_events(path, time_unit="ms")[0]["t"].tolist() == [0, 500, 1250]
    members = columns(seconds)
    members["t_s"] = members.pop("ts")
    assert read_events(archive(path, **members))[0]["t"].tolist() == [0, 500_000, 1_250_000]
    nanoseconds = archive(path, **columns(np.array([1499, 1500, 5000])))
    assert read_events(nanoseconds, time_unit="ns")[0]["t"].tolist() == [1, 2, 5]


def test_numbers_that_cannot_be_are_counted(tmp_path: Path) -> None:
    members = columns(np.array([1, 2, 3, 4, 5], dtype=np.uint64))
    members["ts"] = npy(np.array([1, 2, 3, 4, 1 << 63], dtype=np.uint64))
    members["x"] = npy(np.array([0, 1.5, -2, 70000, 0]))
    members["p"] = npy(np.array([-1, 1, 1, 1, 1], dtype=np.int8))
    read, losses = read_events(archive(tmp_path / "r.npz", **members))
    assert read.tolist() == [(1, 0, 0, 0)]
    assert losses.reasons == {"events with impossible numbers": 2, "events outside the sensor": 2}


def test_other_contents_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", images=np.zeros(3), labels=np.zeros(3))
    with pytest.raises(DataError, match=r"holds no events but images, labels\."):
        open_recording(tmp_path / "r.npz")
