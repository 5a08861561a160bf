"""Checking a copy: complete or not, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spikeformers.cli.output import plain
from spikeformers.data.event_sets import check as room
from spikeformers.data.event_sets import parallel
from spikeformers.data.event_sets.check import Check, check
from spikeformers.data.event_sets.event_set import EventSet
from spikeformers.data.event_sets.splits import split
from spikeformers.data.event_sets.table import EVENT_SETS
from spikeformers.data.recordings.opening import read_events
from tests.data.event_sets.test_har_dvs import write_har_dvs
from tests.data.event_sets.test_layouts import gestures
from tests.data.event_sets.writing import Heard, write_ncaltech101, write_nmnist
from tests.data.recordings.writers.gesture_layout import write_gesture_folder

TRAIN = ["0/00001.bin", "1/00002.bin", "1/00003.bin", "7/00004.bin"]
TEST = ["2/00001.bin"]


def small_nmnist() -> EventSet:
    """N-MNIST, had it been released with five recordings."""
    return replace(
        EVENT_SETS["nmnist"],
        sizes={"train": 4, "test": 1},
        counts={"train": (1, 2, 0, 0, 0, 0, 0, 1, 0, 0), "test": (0, 0, 1, 0, 0, 0, 0, 0, 0, 0)},
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    write_nmnist(tmp_path / "set" / "Train", TRAIN)
    write_nmnist(tmp_path / "set" / "Test", TEST)
    return tmp_path / "set"


def parts(result: Check) -> dict[str, Any]:
    return {part.part: part for part in result.parts}


def test_a_whole_copy_is_complete(copy: Path) -> None:
    heard = Heard()
    result = check(small_nmnist(), copy, heard.watch())
    assert (result.complete, result.usable) == (True, True)
    assert (result.read, result.unreadable, result.losses, result.empty) == (5, (), {}, ())
    assert result.events == sum(len(read_events(path)[0]) for path in copy.rglob("*.bin"))
    assert heard.progress == [("N-MNIST, train part", 4, 4), ("N-MNIST, test part", 1, 1)]
    assert parts(result)["train"].by_class["1"] == 2


@pytest.mark.parametrize("gone", [TRAIN[2], "all of Test"])
def test_missing_recordings(copy: Path, gone: str) -> None:
    for path in copy.glob("Test/*/*" if gone == "all of Test" else f"Train/{gone}"):
        path.unlink()
    result = check(small_nmnist(), copy, Heard().watch())
    assert (result.complete, result.usable) == (False, True)
    train, test = parts(result)["train"], parts(result)["test"]
    if gone == "all of Test":
        assert (train.complete, test.complete, test.found, test.expected) == (True, False, 0, 1)
        assert "Test: no recordings of N-MNIST there" in test.why
    else:
        assert (train.complete, test.complete, train.found) == (False, True, 3)
        assert train.wrong_classes == {"1": (1, 2)}


def test_a_recording_too_many(copy: Path) -> None:
    write_nmnist(copy / "Train", ["4/00009.bin"])
    result = check(small_nmnist(), copy, Heard().watch())
    assert not result.complete
    assert parts(result)["train"].wrong_classes == {"4": (1, 0)}


def test_the_right_number_in_the_wrong_classes_is_not_complete(copy: Path) -> None:
    (copy / "Train/3").mkdir()
    (copy / "Train/1/00003.bin").rename(copy / "Train/3/00003.bin")
    result = check(small_nmnist(), copy, Heard().watch())
    assert not result.complete
    assert parts(result)["train"].wrong_classes == {"1": (1, 2), "3": (1, 0)}


def test_losses_are_summed_and_empty_recordings_named(copy: Path) -> None:
    (copy / "Train/0/00001.bin").write_bytes(b"")
    with (copy / "Train/1/00002.bin").open("ab") as file:
        file.write(b"123")
    with (copy / "Test/2/00001.bin").open("ab") as file:
        file.write(bytes([50, 3, 127, 255, 255, 1]))
    result = check(small_nmnist(), copy, Heard().watch())
    assert result.empty == ("0/00001.bin",)
    assert sum(result.losses.values()) == 3 + 1 + 1
    assert "events outside the sensor" in result.losses
    assert result.complete, "losses are told, but the copy may be the release's own"


def test_unreadable_recordings_are_named(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.data.event_sets.test_cache import unreadable

    unreadable(monkeypatch, "00002.bin")
    result = check(small_nmnist(), copy, Heard().watch())
    assert (result.complete, result.usable) == (False, True)
    (reason,) = result.unreadable
    assert "1/00002.bin: cannot be read (Input/output error)" in reason


def test_only_the_layout(copy: Path) -> None:
    result = check(small_nmnist(), copy, Heard().watch(), contents=False)
    assert (result.read, result.complete) == (0, True)


def test_several_processes_see_the_same(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = check(small_nmnist(), copy, Heard().watch())
    monkeypatch.setattr(parallel, "SMALL", 0)
    monkeypatch.setattr(parallel, "usable_cores", lambda: 2)
    monkeypatch.setattr("spikeformers.data.event_sets.cache.spans.MOST_RECORDINGS", 1)
    heard = Heard()
    assert plain(check(small_nmnist(), copy, heard.watch())) == plain(one)
    assert len(heard.progress) == 5


def test_names_of_a_list_that_are_missing(tmp_path: Path) -> None:
    tested = split("ncaltech101_test")
    write_ncaltech101(tmp_path, [tested[0], "anchor/image_0999.bin", "yin_yang/image_0001.bin"])
    result = check(EVENT_SETS["ncaltech101"], tmp_path, Heard().watch())
    test, train = parts(result)["test"], parts(result)["train"]
    assert (len(test.missing), test.extra) == (877, ())
    assert tested[0] not in test.missing
    assert "anchor/image_0999.bin" in train.extra
    assert result.splits == {"ncaltech101_test": True}
    assert not result.complete


def test_gestures_are_compared_by_file(tmp_path: Path) -> None:
    names = [name.removesuffix(".aedat") for name in split("dvs128_gesture_test")[:2]]
    write_gesture_folder(tmp_path, {name: gestures(n) for n, name in enumerate(names)}, train=[], test=names)
    result = check(EVENT_SETS["dvs128_gesture"], tmp_path, Heard().watch())
    test = parts(result)["test"]
    assert (test.found, test.expected, len(test.missing), test.extra) == (6, 288, 22, ())
    assert f"{names[0]}.aedat" not in test.missing
    assert "user29_natural.aedat" in test.missing
    assert result.read == 6


def test_frames_of_har_dvs_are_counted(tmp_path: Path) -> None:
    write_har_dvs(tmp_path, {"action_001/a": 3, "action_002/b": 2})
    (tmp_path / "train_label.txt").write_text("action_001/a 0\naction_002/b 1\n")
    (tmp_path / "rawframes/action_002/b/1.png").write_bytes(b"no picture")
    result = check(EVENT_SETS["har_dvs"], tmp_path, Heard().watch())
    assert (result.read, result.events, result.unit) == (2, 3, "frames")
    assert "1.png" in result.unreadable[0]
    assert {part.part for part in result.parts} == {"train", "validation", "test"}


def test_a_damaged_list_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ncaltech101(tmp_path, ["anchor/image_0001.bin"])
    monkeypatch.setattr(room, "_is_right", lambda name: False)
    result = check(EVENT_SETS["ncaltech101"], tmp_path, Heard().watch())
    assert result.splits == {"ncaltech101_test": False}
    assert not result.complete
