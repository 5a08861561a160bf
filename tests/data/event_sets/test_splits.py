"""The shipped lists: their checksums, and that the rules make them again."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from spikeformers.data import Missing, hold_out
from spikeformers.data.event_sets import cifar10dvs, ncaltech101, splits
from spikeformers.data.event_sets.splits import split, split_files
from spikeformers.errors import DataError


def labelled(labels: torch.Tensor) -> Missing:
    return Missing((2, 1, 1), "no pixels", labels)


@pytest.mark.parametrize("name", sorted(split_files()))
def test_every_list_is_as_its_index_says(name: str) -> None:
    names = split(name)
    content = (splits.HERE / f"{name}.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == split_files()[name].sha256
    assert len(names) == len(set(names)) == split_files()[name].count
    assert "".join(f"{each}\n" for each in names).encode() == content
    assert split_files()[name].rule


def test_every_list_is_in_the_index() -> None:
    assert {path.stem for path in splits.HERE.glob("*.txt")} == set(split_files())


def test_the_papers_test_part_of_cifar10dvs() -> None:
    """SpikingJelly's helper, as the specification tells it: the first ceil(0.9 n) of each class are for training."""
    expected = []
    for name in sorted(cifar10dvs.CLASSES):
        files = sorted(f"cifar10_{name}_{number}.aedat" for number in range(1000))
        expected += [f"{name}/{file}" for file in files[math.ceil(0.9 * len(files)) :]]
    assert list(split("cifar10dvs_test")) == expected
    assert split("cifar10dvs_test")[0] == "airplane/cifar10_airplane_909.aedat"


def test_validation_of_a_recipe_is_the_shipped_list() -> None:
    tested = set(split("cifar10dvs_test"))
    names = [name for name in cifar10dvs.recording_names() if name not in tested]
    labels = torch.tensor([cifar10dvs.CLASSES.index(name.split("/")[0]) for name in names])
    rest, held = hold_out(labelled(labels), 0.1, "cifar10dvs", names)
    assert [names[index] for index in held.indices.tolist()] == list(split("cifar10dvs_validation"))
    assert len(rest) == 8100
    assert set(Counter(name.split("/")[0] for name in split("cifar10dvs_validation")).values()) == {90}


def test_a_tenth_of_every_class_of_ncaltech101() -> None:
    names = ncaltech101.recording_names()
    assert len(names) == 8709
    assert sum(ncaltech101.PICTURES.values()) + 435 == 9144
    expected = []
    for folder, count in ncaltech101.PICTURES.items():
        files = [f"{folder}/image_{number:04d}.bin" for number in range(1, count + 1)]
        hashed = sorted(files, key=lambda name: hashlib.sha256(f"ncaltech101\0{name}".encode()).digest())
        expected += sorted(hashed[: math.floor(0.1 * count + 0.5)])
    assert list(split("ncaltech101_test")) == expected


def test_the_trial_lists_of_gestures() -> None:
    train, test = split("dvs128_gesture_train"), split("dvs128_gesture_test")
    assert (len(train), len(test)) == (98, 24)
    assert {name[:6] for name in train} == {f"user{number:02d}" for number in range(1, 24)}
    assert {name[:6] for name in test} == {f"user{number}" for number in range(24, 30)}
    assert (train[0], train[-1]) == ("user01_fluorescent.aedat", "user23_led.aedat")
    assert (test[0], test[-1]) == ("user24_fluorescent.aedat", "user29_natural.aedat")


def test_a_damaged_list_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (splits.HERE / "dvs128_gesture_test.txt").read_bytes()
    monkeypatch.setattr(splits, "HERE", tmp_path)
    split.cache_clear()
    for damaged in (content.replace(b"user24", b"user23", 1), content[:-1], b"", None):
        if damaged is None:
            (tmp_path / "dvs128_gesture_test.txt").unlink()
        else:
            (tmp_path / "dvs128_gesture_test.txt").write_bytes(damaged)
        with pytest.raises(DataError, match="is not the list that was shipped"):
            split("dvs128_gesture_test")
    split.cache_clear()
