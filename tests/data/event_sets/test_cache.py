"""Recordings out of the cache: converted once, resumed, made anew where damaged, done without where it must be."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spikeformers.data import Batches, Missing, Normalised, load_dataset
from spikeformers.data.event_sets import parallel
from spikeformers.data.event_sets.cache import cached, conversion, spans
from spikeformers.data.event_sets.cache.cached import Cached, kept
from spikeformers.data.event_sets.files import class_folders
from spikeformers.data.event_sets.shelf import Chosen, FileShelf
from spikeformers.data.events.array import Sensor
from spikeformers.errors import DataError
from tests.data.event_sets.writing import Heard, write_nmnist

ROOT = Path(__file__).parents[3]
COUNT = 23
NAMES = [f"{number % 3}/{number:05d}.bin" for number in range(COUNT)]


def shelf_of(root: Path) -> FileShelf:
    found = class_folders(root, "012", (".bin",))
    return FileShelf(root, found.names, found.labels, Sensor(34, 34), found.states, "40bit")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileShelf:
    """Recordings that make six shards."""
    monkeypatch.setattr(spans, "MOST_RECORDINGS", 4)
    write_nmnist(tmp_path / "set", NAMES)
    return shelf_of(tmp_path / "set")


def check(cache: Any, shelf: FileShelf) -> Cached:
    assert isinstance(cache, Cached)
    assert (list(cache.names), cache.sensor) == (list(shelf.names), shelf.sensor)
    assert torch.equal(cache.labels, shelf.labels)
    for index in range(len(shelf.names)):
        np.testing.assert_array_equal(cache.events(index), shelf.events(index))
        np.testing.assert_array_equal(cache.addressed(index).addresses, shelf.addressed(index).addresses)
    return cache


def shards(cache: Path) -> list[Path]:
    return sorted(cache.glob("recordings/*/*"))


def refuse(*_: Any) -> None:
    raise AssertionError("read again")


def test_recordings_are_converted_once(shelf: FileShelf, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard, again = Heard(), Heard()
    check(kept(shelf, "set", heard.watch()), shelf)
    assert heard.progress == [("set", min(done, COUNT), COUNT) for done in range(4, COUNT + 4, 4)]
    assert len(shards(own_cache)) == 6
    expected = [shelf.events(index) for index in range(COUNT)]
    monkeypatch.setattr(FileShelf, "read", refuse)
    second = kept(shelf, "set", again.watch())
    for index, events in enumerate(expected):
        np.testing.assert_array_equal(second.events(index), events)
    assert not again.progress + heard.notes + again.notes


def test_several_processes_convert(shelf: FileShelf, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "SMALL", 0)
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    monkeypatch.setattr(shard_module(), "write", in_other_process(os.getpid(), shard_module().write))
    heard = Heard()
    check(kept(shelf, "set", heard.watch()), shelf)
    assert not heard.notes
    assert heard.progress[-1] == ("set", COUNT, COUNT)


def shard_module() -> Any:
    from spikeformers.data.event_sets.cache import shard

    return shard


def in_other_process(own: int, write: Any) -> Any:
    def wrapped(*words: Any) -> None:
        assert os.getpid() != own
        write(*words)

    return wrapped


def test_a_changed_file_renews_its_shard_only(shelf: FileShelf, own_cache: Path) -> None:
    kept(shelf, "set", Heard().watch())
    before = {path: path.stat().st_ino for path in shards(own_cache)}
    (shelf.root / shelf.names[9]).write_bytes((shelf.root / shelf.names[0]).read_bytes())
    heard = Heard()
    changed = shelf_of(shelf.root)
    check(kept(changed, "set", heard.watch()), changed)
    assert heard.progress == [("set", COUNT, COUNT)]
    after = {path: path.stat().st_ino for path in shards(own_cache)}
    assert len(after) == 6
    assert len(before.items() & after.items()) == 5


def test_a_file_that_was_only_touched_counts_as_changed(shelf: FileShelf) -> None:
    kept(shelf, "set", Heard().watch())
    os.utime(shelf.root / shelf.names[0], ns=(1, 1))
    heard = Heard()
    kept(shelf_of(shelf.root), "set", heard.watch())
    assert heard.progress == [("set", COUNT, COUNT)]


KILLED = """
import os, signal, sys
from pathlib import Path
from spikeformers.data import Watch
from spikeformers.data.event_sets.cache import cached, shard, spans
from tests.data.event_sets.test_cache import shelf_of
spans.MOST_RECORDINGS = 4
finished, write = [], shard.write
def killed_in_the_third(path, sensor, readings):
    def until():
        for reading in readings:
            yield reading
            if len(finished) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
    write(path, sensor, until())
    finished.append(path)
shard.write = killed_in_the_third
cached.kept(shelf_of(Path(sys.argv[1])), "set", Watch())
"""


def test_a_killed_conversion_goes_on_where_it_was(shelf: FileShelf, own_cache: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(shelf.root)], check=False, timeout=60, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    whole = [path for path in shards(own_cache) if path.suffix == ".events"]
    (half,) = own_cache.glob("recordings/*/.*.part")
    assert len(whole) == 2
    old = time.time() - 2 * conversion.ABANDONED
    os.utime(half, (old, old))
    before = {path: path.stat().st_ino for path in whole}
    heard = Heard()
    check(kept(shelf, "set", heard.watch()), shelf)
    assert [done for _, done, _ in heard.progress] == [12, 16, 20, 23]
    assert {path: path.stat().st_ino for path in whole} == before
    assert not half.exists()
    assert not heard.notes


def test_what_another_process_is_writing_is_left_alone(shelf: FileShelf, own_cache: Path) -> None:
    directory = spans.directory_of(shelf)
    directory.mkdir(parents=True)
    (directory / ".other.part").write_bytes(b"half")
    kept(shelf, "set", Heard().watch())
    assert (directory / ".other.part").exists()


AT_ONCE = """
import sys
from pathlib import Path
from spikeformers.data import Watch
from spikeformers.data.event_sets.cache import cached, spans
from tests.data.event_sets.test_cache import check, shelf_of
spans.MOST_RECORDINGS = 4
def note(text):
    raise AssertionError(text)
shelf = shelf_of(Path(sys.argv[1]))
sys.stdin.readline()
check(cached.kept(shelf, "set", Watch(note=note)), shelf)
"""


def test_two_processes_convert_at_once(shelf: FileShelf, own_cache: Path) -> None:
    both = [
        subprocess.Popen([sys.executable, "-c", AT_ONCE, str(shelf.root)], stdin=subprocess.PIPE, cwd=ROOT)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert len(shards(own_cache)) == 6
    for process in both:
        assert process.stdin is not None
        process.stdin.close()


def test_a_damaged_entry_is_made_anew_when_it_is_read(shelf: FileShelf, own_cache: Path) -> None:
    heard = Heard()
    cache = kept(shelf, "set", heard.watch())
    path = shards(own_cache)[1]
    content = bytearray(whole := path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    check(cache, shelf)
    (note,) = heard.notes
    assert f"{path}: these converted recordings are damaged" in note
    assert path.read_bytes() == whole
    check(cache, shelf)
    assert len(heard.notes) == 1


def test_a_damaged_table_is_made_anew_when_it_is_opened(shelf: FileShelf, own_cache: Path) -> None:
    kept(shelf, "set", Heard().watch())
    path = shards(own_cache)[2]
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    heard = Heard()
    check(kept(shelf, "set", heard.watch()), shelf)
    (note,) = heard.notes
    assert f"{path}: these converted recordings are damaged" in note
    assert path.read_bytes() == whole


def test_a_shard_that_vanishes_is_made_anew(shelf: FileShelf, own_cache: Path) -> None:
    cache = kept(shelf, "set", Heard().watch())
    shutil.rmtree(own_cache)
    check(cache, shelf)
    assert len(shards(own_cache)) == 6


def test_a_cache_that_cannot_be_written_is_done_without(shelf: FileShelf, own_cache: Path) -> None:
    own_cache.write_text("a file where a directory should be")
    heard = Heard()
    assert kept(shelf, "set", heard.watch()) is shelf
    (note,) = heard.notes
    assert f"set cannot be kept converted in {own_cache}" in note
    assert "set SPIKEFORMERS_CACHE to another directory" in note


def test_a_full_disk_is_done_without(shelf: FileShelf, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    heard = Heard()
    assert kept(shelf, "set", heard.watch()) is shelf
    assert "No space left on device" in heard.notes[0]
    assert not shards(own_cache), "nothing half-written"


def test_too_little_room_is_seen_before(shelf: FileShelf, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(shelf.root)._replace(free=100)
    monkeypatch.setattr(conversion.shutil, "disk_usage", lambda _: usage)
    heard = Heard()
    assert kept(shelf, "set", heard.watch()) is shelf
    assert "are needed there, 0.0 GB are free" in heard.notes[0]
    assert not shards(own_cache)


def test_a_damaged_entry_is_read_from_its_file_where_the_cache_cannot_be_written(
    shelf: FileShelf, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = kept(shelf, "set", Heard().watch())
    for path in shards(own_cache):
        path.write_bytes(b"damaged")
    monkeypatch.setattr(conversion.shard, "write", lambda *_: (_ for _ in ()).throw(OSError("read-only")))
    check(cache, shelf)


def test_it_can_be_sent_to_other_processes(shelf: FileShelf) -> None:
    cache = kept(shelf, "set", Heard().watch())
    cache.events(0)
    check(pickle.loads(pickle.dumps(cache)), shelf)
    check(kept(pickle.loads(pickle.dumps(shelf)), "set", Heard().watch()), shelf)


def test_an_unreadable_recording_is_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_nmnist(tmp_path, [f"Train/{name}" for name in NAMES])
    unreadable(monkeypatch, "00004.bin")
    for _ in range(2):  # converted, then out of the cache
        data = load_dataset("nmnist", tmp_path)
        assert len(data.train) == COUNT - 1
        assert all("00004" not in name for name in data.train.names)  # type: ignore[attr-defined]
        (reason,) = data.unreadable
        assert "00004.bin" in reason


def test_too_many_unreadable_recordings_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_nmnist(tmp_path, [f"Train/{name}" for name in NAMES])
    unreadable(monkeypatch, "00004.bin", "00007.bin")
    for _ in range(2):
        with pytest.raises(DataError, match=r"N-MNIST, training part: 2 of 23 recordings cannot be read.*00004.*00007"):
            load_dataset("nmnist", tmp_path)


def unreadable(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    from spikeformers.data.event_sets import shelf as room

    opened = room.open_recording

    def open_recording(path: Path, **words: Any) -> Any:
        if path.name in names:
            raise OSError(5, "Input/output error")
        return opened(path, **words)

    monkeypatch.setattr(room, "open_recording", open_recording)


def test_losses_are_summed_and_told(tmp_path: Path) -> None:
    write_nmnist(tmp_path, [f"Train/{name}" for name in NAMES])
    for name, more in ((NAMES[0], b"\x01"), (NAMES[5], b"\x01\x02\x03")):
        with (tmp_path / "Train" / name).open("ab") as file:
            file.write(more)
    for _ in range(2):
        heard = Heard()
        load_dataset("nmnist", tmp_path, watch=heard.watch())
        (note,) = heard.notes
        assert note.startswith("N-MNIST, training part: left out or put right while its files were read: 4 bytes")


def test_parts_of_one_piece_are_converted_once(shelf: FileShelf, own_cache: Path) -> None:
    from spikeformers.data.event_sets.recording_set import RecordingSet

    halves = [Chosen(shelf, torch.arange(start, COUNT, 2)) for start in (0, 1)]
    pieces = RecordingSet(
        name="halves", title="Halves", sensor=shelf.sensor, train=halves[0], test=halves[1], classes=tuple("012"),
        licence="", citation="",
    )  # fmt: skip
    heard = Heard()
    data = pieces.framed(None, heard.watch())
    assert [step[0] for step in heard.progress] == ["Halves"] * 6
    assert len(shards(own_cache)) == 6
    counted = data.test.read(torch.arange(len(data.test))).images.sum(dim=(1, 2, 3, 4))
    assert counted.tolist() == [len(shelf.events(index)) for index in range(1, COUNT, 2)]


def test_worker_processes_read_the_same_batches(tmp_path: Path) -> None:
    write_nmnist(tmp_path, [f"Train/{name}" for name in NAMES])
    data = load_dataset("nmnist", tmp_path)
    assert isinstance(data.test, Missing)
    prepare = Normalised(data.mean, data.std)
    one, many = (
        list(Batches(source=data.train, batch_size=8, prepare=prepare, seed=1, workers=workers).epoch())
        for workers in (0, 2)
    )
    assert len(one) == len(many) == 3
    for here, there in zip(one, many, strict=True):
        assert torch.equal(here.x, there.x)
        assert torch.equal(here.targets, there.targets)


def test_shards_are_closed_by_number_and_by_size(shelf: FileShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [len(span) for span in spans.divided(shelf)] == [4, 4, 4, 4, 4, 3]
    monkeypatch.setattr(spans, "MOST_BYTES", max(map(shelf.size, range(COUNT))))
    ranges = spans.divided(shelf)
    assert [index for span in ranges for index in span] == list(range(COUNT))
    assert len(ranges) > 6
    assert all(sum(map(shelf.size, span)) <= spans.MOST_BYTES for span in ranges)


def test_too_large_a_camera_is_read_from_its_files(shelf: FileShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached, "MOST_ADDRESSES", 34 * 34 * 2 - 1)
    heard = Heard()
    assert kept(shelf, "set", heard.watch()) is shelf
    assert "too many pixels" in heard.notes[0]
