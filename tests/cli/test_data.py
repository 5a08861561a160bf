"""`spikeformers data`: what is listed, checked and converted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spikeformers.data.event_sets.table import EVENT_SETS
from tests.data.event_sets.test_check import small_nmnist
from tests.data.event_sets.test_har_dvs import write_har_dvs
from tests.data.event_sets.writing import write_nmnist

TRAIN = ["0/00001.bin", "1/00002.bin", "1/00003.bin", "7/00004.bin"]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIKEFORMERS_CACHE", str(tmp_path / "cache"))
    write_nmnist(tmp_path / "set" / "Train", TRAIN)
    return tmp_path / "set"


@pytest.fixture
def whole(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(EVENT_SETS, "nmnist", small_nmnist())
    write_nmnist(copy / "Test", ["2/00001.bin"])
    return copy


def test_lists_every_set_with_source_and_licence(spikeformers):
    answer = spikeformers("data", "list")
    assert answer.code == 0
    text = " ".join(answer.out.split())
    for each in EVENT_SETS.values():
        for word in (each.name, each.about, each.source, each.licence):
            assert word in text
    assert "60,000 train, 10,000 test" in text
    assert "Data sets of pictures: cifar10, " in text


def test_lists_as_json(spikeformers):
    answer = json.loads(spikeformers("data", "list", "--json").out)
    assert [each["name"] for each in answer["events"]] == list(EVENT_SETS)
    assert answer["events"][0]["sizes"] == {"train": 60_000, "test": 10_000}
    assert "digits" in answer["pictures"]


def test_a_smaller_copy_is_usable_but_not_the_whole_set(spikeformers, copy):
    answer = spikeformers("data", "check", copy)
    assert answer.code == 1
    assert "nmnist (N-MNIST)" in answer.out
    assert "1 of 5,923" in answer.out
    assert "Usable, but not the whole data set" in answer.out
    # Where the line is folded depends on how long the path is.
    assert "Test: no recordings of N-MNIST there." in " ".join(answer.out.split())
    assert answer.err == ""


def test_a_complete_copy_is_complete(spikeformers, whole):
    answer = spikeformers("data", "check", whole)
    assert answer.code == 0
    assert answer.out.rstrip().endswith("Complete.")
    assert "To do" not in answer.out


def test_checks_as_json(spikeformers, copy):
    answer = spikeformers("data", "check", copy, "--json")
    assert answer.code == 1
    result = json.loads(answer.out)
    assert (result["complete"], result["usable"], result["read"]) == (False, True, 4)
    assert [(part["part"], part["found"], part["expected"]) for part in result["parts"]] == [
        ("train", 4, 60_000),
        ("test", 0, 10_000),
    ]
    assert result["parts"][0]["wrong_classes"]["1"] == [2, 6742]
    assert result["directory"] == str(copy)


def test_the_layout_alone(spikeformers, whole):
    answer = spikeformers("data", "check", whole, "--layout-only", "--json")
    assert (answer.code, json.loads(answer.out)["read"]) == (0, 0)


def test_what_is_wrong_is_named(spikeformers, whole, monkeypatch):
    names = {"train": ("0/00001.bin", "1/00002.bin", "1/00003.bin", "8/00005.bin")}
    monkeypatch.setitem(EVENT_SETS, "nmnist", replace(small_nmnist(), names=lambda: names))
    with (whole / "Train" / "0" / "00001.bin").open("ab") as file:
        file.write(b"12")
    answer = spikeformers("data", "check", whole)
    text = " ".join(answer.out.split())
    assert answer.code == 1
    assert "add 1 that are missing: 8/00005.bin" in text
    assert "the release has no 7/00004.bin; remove" in text
    assert "2 bytes" in text


def test_another_data_set_can_be_named(spikeformers, copy):
    answer = spikeformers("data", "check", copy, "--dataset", "ncaltech101")
    assert answer.code == 1
    assert "holds no recordings of N-Caltech101. Expected Caltech101/<class>" in answer.err
    assert spikeformers("data", "check", copy, "--dataset", "mnist").code == 1
    assert "Did you mean 'nmnist'" in spikeformers("data", "check", copy, "--dataset", "mnist").err


def test_a_directory_without_a_data_set_is_told(spikeformers, tmp_path):
    answer = spikeformers("data", "check", tmp_path)
    assert answer.code == 1
    assert "no data set of recordings is found there. Looked for:" in answer.err
    assert "no such directory" in spikeformers("data", "convert", tmp_path / "nowhere").err


def test_converts_once(spikeformers, copy, tmp_path):
    answer = spikeformers("data", "convert", copy)
    assert answer.code == 0
    assert f"N-MNIST: 4 train recordings are converted, in {tmp_path / 'cache' / 'recordings'}" in answer.out
    (shard,) = (tmp_path / "cache").glob("recordings/*/*.events")
    before = shard.stat().st_mtime_ns
    again = json.loads(spikeformers("data", "convert", copy, "--json").out)
    assert again == {
        "dataset": "nmnist",
        "cache": str(tmp_path / "cache" / "recordings"),
        "recordings": {"train": 4},
        "unreadable": [],
    }
    assert shard.stat().st_mtime_ns == before


def test_losses_are_told_while_converting(spikeformers, copy):
    with (copy / "Train" / "0" / "00001.bin").open("ab") as file:
        file.write(b"12")
    answer = spikeformers("data", "convert", copy)
    assert (answer.code, "left out or put right" in answer.err) == (0, True)


def test_a_cache_that_cannot_be_written_is_told(spikeformers, copy, tmp_path):
    (tmp_path / "cache").write_text("a file")
    answer = spikeformers("data", "convert", copy)
    assert answer.code == 1
    assert "cannot be kept converted" in answer.err
    assert "could not be converted; the note above says why" in answer.err


def test_frames_are_not_converted(spikeformers, tmp_path):
    write_har_dvs(tmp_path, {"action_001/a": 1})
    (tmp_path / "train_label.txt").write_text("action_001/a 0\n")
    answer = spikeformers("data", "convert", tmp_path)
    assert answer.code == 1
    assert "released as images, which are read as they are" in answer.err


def test_its_help_needs_no_torch(in_process):
    for words in (["data"], ["data", "check", "--help"]):
        code = f"import sys; from spikeformers.cli import main; main({words}); assert 'torch' not in sys.modules"
        done = in_process(code)
        assert done.returncode == 0, done.stderr


def test_gestures_with_a_short_label_table_are_told(spikeformers, tmp_path):
    from spikeformers.data.event_sets.splits import split
    from tests.data.event_sets.test_layouts import gestures
    from tests.data.recordings.writers.gesture_layout import write_gesture_folder

    names = [name.removesuffix(".aedat") for name in split("dvs128_gesture_test")]
    write_gesture_folder(tmp_path, {name: gestures(0) for name in names}, train=[], test=names)
    answer = spikeformers("data", "check", tmp_path)
    assert answer.code == 1
    assert "test part: 72 recordings instead of 288: unpack it again" in " ".join(answer.out.split())
