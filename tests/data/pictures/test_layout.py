from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.pictures.layout import Layout, Part, arrange, is_picture
from spikeformers.errors import DataError

PIECES = st.sampled_from(["train", "test", "val", "cat", "dog", "a.png", "b.JPG", "c.txt", ".d.png", "__MACOSX"])
PATHS = st.lists(st.lists(PIECES, min_size=1, max_size=4).map("/".join), max_size=12, unique=True)


def paths_of(part: Part | None) -> list[str]:
    return [] if part is None else [part.prefix + name for name in part.names]


def of(paths: list[str]) -> Layout:
    return arrange(paths, "here", "toy")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("cat/a.jpg", True),
        ("cat/a.JPEG", True),
        ("train/cat/more/a.Png", True),
        ("a.png", False),
        ("cat/a.gif", False),
        ("cat/._a.jpg", False),
        (".cache/cat/a.jpg", False),
        ("__MACOSX/cat/a.jpg", False),
        ("cat/", False),
    ],
)
def test_pictures_are_told_by_their_names(path: str, expected: bool) -> None:
    assert is_picture(path) is expected


def test_parts_classes_and_pictures_are_sorted_whatever_the_order() -> None:
    paths = [
        f"{part}/{name}/{file}"
        for part in ("train", "test", "val")
        for name in ("Zebra", "cat", "dog")
        for file in ("10.png", "2.png", "sub/1.png")
    ]
    random.Random(0).shuffle(paths)
    layout = of(paths)
    assert layout.classes == ("Zebra", "cat", "dog")
    assert layout.train.names[:4] == ("Zebra/10.png", "Zebra/2.png", "Zebra/sub/1.png", "cat/10.png")
    assert layout.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert paths_of(layout.test)[0] == "test/Zebra/10.png"
    assert paths_of(layout.validation)[0] == "val/Zebra/10.png"


def test_val_is_the_test_part_where_there_is_no_other() -> None:
    layout = of(["train/n01/a.JPEG", "train/n02/a.JPEG", "val/n01/b.JPEG", "val/n02/b.JPEG"])
    assert paths_of(layout.test) == ["val/n01/b.JPEG", "val/n02/b.JPEG"]
    assert layout.validation is None


@pytest.mark.parametrize("prefix", ["", "pets/", "train/", "pets/train/"])
def test_without_a_test_part_a_fifth_of_each_class_is_held_out(prefix: str) -> None:
    layout = of([f"{prefix}{name}/{index}.png" for name in ("cat", "dog") for index in range(10)])
    assert layout.train.labels.bincount().tolist() == [8, 8]
    assert layout.test.labels.bincount().tolist() == [2, 2]
    assert layout.train.prefix == layout.test.prefix == prefix
    assert not set(layout.train.names) & set(layout.test.names)
    # The same pictures in whatever they lie.
    assert layout.test.names == of([f"{name}/{i}.png" for name in ("cat", "dog") for i in range(10)]).test.names


def test_one_folder_around_everything_is_looked_through() -> None:
    layout = of(["set/train/cat/1.png", "set/train/dog/1.png", "set/test/cat/2.png", "set/readme.txt"])
    assert layout.classes == ("cat", "dog")
    assert paths_of(layout.test) == ["set/test/cat/2.png"]


def test_pictures_outside_class_folders_have_no_label() -> None:
    layout = of(["train/cat/1.png", "train/dog/1.png", "train/stray.png", "test/cat/2.png", "val/stray.png"])
    assert paths_of(layout.train) == ["train/cat/1.png", "train/dog/1.png"]
    assert layout.validation is None


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], r"here: no pictures in class folders were found. Expected PNG or JPEG files as train/<class>/"),
        (["a.png", "cat/notes.txt"], "no pictures in class folders"),
        (["train/a.png", "test/cat/a.png"], "no pictures in class folders"),
        (["test/cat/a.png"], "a test or val folder, but no pictures in a train folder"),
        (["cat/a.png", "dog/a.png"], "no test folder, and no class has two pictures.*Add pictures"),
        (["train/cat/a.png", "test/cow/a.png"], "test/ has classes of which there is no training picture: cow"),
        (["train/cat/a.png", "test/cat/a.png", "val/ant/b.png"], "val/ has classes .*: ant"),
    ],
)
def test_other_arrangements_are_refused(paths: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        of(paths)


@given(paths=PATHS)
def test_any_paths_are_arranged_or_refused(paths: list[str]) -> None:
    try:
        layout = of(paths)
    except DataError:
        return
    used = paths_of(layout.train) + paths_of(layout.test) + paths_of(layout.validation)
    assert len(used) == len(set(used)), "no picture in two parts"
    assert set(used) <= set(filter(is_picture, paths))
    assert set(layout.train.labels.tolist()) | set(layout.test.labels.tolist()) <= set(range(len(layout.classes)))
