from __future__ import annotations

import multiprocessing
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from spikeformers.data import Images
from spikeformers.data.pictures.class_folders import is_image_folder, open_class_folders
from spikeformers.data.pictures.galleries import ArrayGallery, Gallery
from spikeformers.errors import DataError
from tests.data.pictures.drawn import picture

Save = Callable[..., Path]
PATHS = [f"{part}/{name}/{index}.png" for part in ("train", "test") for name in ("cat", "dog") for index in range(3)]


def pack(folder: Path, inside: str = "") -> Path:
    """Write a folder's pictures into a zip archive beside it."""
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, inside + file.relative_to(folder).as_posix())
    return path


@pytest.fixture(params=["folder", "zip", "zip with one top folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path, save_pictures: Save) -> Path:
    folder = save_pictures(tmp_path / "pets", PATHS)
    if request.param == "folder":
        return folder
    return pack(folder, "pets/" if "top" in request.param else "")


def training_part(place: Path) -> Gallery:
    layout, gallery = open_class_folders(place, "toy")
    return gallery(layout.train)


def shown(gallery: Gallery, index: int) -> np.ndarray:
    return np.asarray(gallery.picture(index))


def test_pictures_lie_in_folders_and_archives(place: Path) -> None:
    assert is_image_folder(place)
    train = training_part(place)
    assert list(train.names) == ["cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png", "dog/1.png", "dog/2.png"]
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    for index in range(6):
        assert np.array_equal(shown(train, index), picture(index))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # newer Pythons warn of threads, if there are any
def test_galleries_travel_to_other_processes(place: Path) -> None:
    train = training_part(place)
    train.picture(0)
    again = pickle.loads(pickle.dumps(train))
    assert np.array_equal(shown(again, 4), picture(4))
    # A forked process shares the file position of what its parent has opened, unless it opens its own.
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for index, pixels in enumerate(pool.starmap(shown, [(train, index % 6) for index in range(24)])):
            assert np.array_equal(pixels, picture(index % 6))


@pytest.mark.parametrize("place_of", [Path, pack])
def test_the_fingerprint_changes_with_the_pictures(
    tmp_path: Path, save_pictures: Save, place_of: Callable[[Path], Path]
) -> None:
    folder = save_pictures(tmp_path / "pets", PATHS)
    place = place_of(folder)
    before = training_part(place).fingerprint()
    assert training_part(place).fingerprint() == before
    changed = folder / PATHS[0]
    old = changed.stat()
    changed.write_bytes(changed.read_bytes()[:-1] + b"?")
    os.utime(changed, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert training_part(place_of(folder)).fingerprint() != before, "same size and time, other content"


def test_a_damaged_picture_is_named(place: Path) -> None:
    name = "train/cat/1.png"
    if place.is_dir():
        (place / name).write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    else:
        # Where its pixels lie in the archive, other bytes: zipfile compares checksums.
        content = bytearray(place.read_bytes())
        with zipfile.ZipFile(place) as archive:
            start = next(info for info in archive.infolist() if info.filename.endswith(name)).header_offset
        content[start + 120] ^= 0xFF
        place.write_bytes(content)
    train = training_part(place)
    with pytest.raises(DataError, match=r"pets.*train/cat/1\.png: not a readable PNG or JPEG image"):
        train.picture(1)
    train.picture(2)


def test_a_picture_that_went_away_is_named(tmp_path: Path, save_pictures: Save) -> None:
    folder = save_pictures(tmp_path / "pets", PATHS)
    train = training_part(folder)
    (folder / "train/dog/0.png").unlink()
    assert train.fingerprint() != training_part(folder).fingerprint()
    with pytest.raises(DataError, match=r"dog/0\.png: there is no such file"):
        train.picture(3)


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_are_pictures_too(channels: int) -> None:
    pixels = torch.arange(channels * 20, dtype=torch.uint8).view(1, channels, 4, 5)
    gallery = ArrayGallery(Images(pixels, torch.tensor([0])))
    assert gallery.picture(0).size == (5, 4)
    assert np.array_equal(shown(gallery, 0).reshape(4, 5, channels).transpose(2, 0, 1), pixels[0].numpy())
    assert gallery.fingerprint() is None


def test_links_are_followed_but_not_in_circles(tmp_path: Path, save_pictures: Save) -> None:
    elsewhere = save_pictures(tmp_path / "elsewhere", ["0.png", "1.png"])
    root = save_pictures(tmp_path / "pets", ["cat/0.png"])
    (root / "dog").symlink_to(elsewhere)
    (root / "cat" / "up").symlink_to(root)
    layout, _ = open_class_folders(root, "toy")
    assert layout.classes == ("cat", "dog")
    assert sorted(layout.train.names + layout.test.names) == ["cat/0.png", "dog/0.png", "dog/1.png"]


def test_what_holds_no_class_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"absent: no such folder or zip archive\. Check the path"):
        open_class_folders(tmp_path / "absent", "toy")
    with pytest.raises(DataError, match=r"notes\.zip: not a readable zip archive .*Name a folder"):
        open_class_folders(tmp_path / "notes.zip", "toy")
    with pytest.raises(DataError, match="no pictures in class folders"):
        open_class_folders(tmp_path, "toy")
    assert not any(map(is_image_folder, (tmp_path, tmp_path / "absent", tmp_path / "notes.zip")))
