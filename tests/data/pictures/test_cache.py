from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from spikeformers.data import FramedPictures, Framing, Images, Watch
from spikeformers.data.pictures import cache, opening
from spikeformers.data.pictures.galleries import FolderGallery
from spikeformers.data.pictures.opening import open_part
from spikeformers.errors import DataError

Save = Callable[..., Path]
COUNT = 7
FRAMING = Framing(image_size=(6, 8), channels=3)


@pytest.fixture
def gallery(tmp_path: Path, save_pictures: Save) -> FolderGallery:
    names = [f"cat/{index}.png" for index in range(COUNT)]
    return FolderGallery(save_pictures(tmp_path / "pets", names), names, torch.arange(COUNT))


class Heard:
    """What a watch was told."""

    def __init__(self) -> None:
        self.progress: list[tuple[str, int, int]] = []
        self.notes: list[str] = []

    def watch(self) -> Watch:
        return Watch(progress=lambda *step: self.progress.append(step), note=self.notes.append)


def opened(gallery: FolderGallery, heard: Heard | None = None, framing: Framing = FRAMING) -> Images:
    source, unreadable = open_part(gallery, framing, "pets, training part", (heard or Heard()).watch())
    assert isinstance(source, Images)
    assert not unreadable
    return source


def stored(folder: Path) -> Path:
    (file,) = (folder / "pictures").iterdir()
    return file


def lazily(gallery: FolderGallery) -> torch.Tensor:
    return FramedPictures(gallery, FRAMING).read(torch.arange(len(gallery.labels))).images


def test_pictures_are_decoded_once(gallery: FolderGallery, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    first = opened(gallery, heard)
    assert torch.equal(first.images, lazily(gallery))
    assert (first.labels.tolist(), list(first.names)) == (list(range(COUNT)), gallery.names)
    assert heard.progress == [("pets, training part", COUNT, COUNT)]
    expected = lazily(gallery)

    def refuse(*_: Any) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(FolderGallery, "picture", refuse)
    again = Heard()
    assert torch.equal(opened(gallery, again).images, expected)
    assert not again.progress
    assert not heard.notes + again.notes
    assert stored(own_cache).stat().st_size < COUNT * 3 * 6 * 8 + 100


def test_changing_the_images_does_not_change_the_cache(gallery: FolderGallery) -> None:
    opened(gallery).images.zero_()
    assert torch.equal(opened(gallery).images, lazily(gallery))


@pytest.mark.parametrize("where", [0, 500, -30, -10, -1, "half", "empty", "longer"])
def test_a_damaged_file_is_noticed_and_made_anew(gallery: FolderGallery, own_cache: Path, where: int | str) -> None:
    opened(gallery)
    file = stored(own_cache)
    content = bytearray(whole := file.read_bytes())
    if isinstance(where, int):
        content[where] ^= 1
    else:
        content = {"half": content[: len(content) // 2], "empty": bytearray(), "longer": content + b"."}[where]
    file.write_bytes(content)
    heard = Heard()
    assert torch.equal(opened(gallery, heard).images, lazily(gallery))
    (note,) = heard.notes
    assert f"{file}: these decoded pictures are damaged" in note
    assert "pets, training part is decoded anew" in note
    assert file.read_bytes() == whole


def test_other_pictures_and_other_framings_have_files_of_their_own(
    gallery: FolderGallery, own_cache: Path, save_pictures: Save
) -> None:
    opened(gallery)
    small = opened(gallery, framing=Framing(image_size=(3, 4), channels=1))
    assert small.images.shape == (COUNT, 1, 3, 4)
    (gallery.root / gallery.names[0]).write_bytes((gallery.root / gallery.names[1]).read_bytes())
    changed = opened(gallery)
    assert torch.equal(changed.images[0], changed.images[1])
    assert len(list((own_cache / "pictures").iterdir())) == 3


def test_the_name_of_the_file_depends_on_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.cache_file("a", FRAMING)
    monkeypatch.setattr(cache.PIL, "__version__", "0")
    assert cache.cache_file("a", FRAMING) != before


def test_unwritable_caches_are_done_without(gallery: FolderGallery, own_cache: Path) -> None:
    own_cache.write_text("a file where a directory should be")
    heard = Heard()
    assert torch.equal(opened(gallery, heard).images, lazily(gallery))
    (note,) = heard.notes
    assert f"pets, training part cannot be kept decoded in {own_cache}" in note
    assert "set SPIKEFORMERS_CACHE to another directory" in note


def test_a_full_disk_is_done_without(gallery: FolderGallery, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    heard = Heard()
    assert torch.equal(opened(gallery, heard).images, lazily(gallery))
    assert "No space left on device" in heard.notes[0]
    assert not list((own_cache / "pictures").iterdir()), "nothing half-written"


def test_the_user_chooses_where_the_cache_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKEFORMERS_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.cache_directory() == tmp_path / "own"
    monkeypatch.delenv("SPIKEFORMERS_CACHE")
    assert cache.cache_directory() == tmp_path / "xdg" / "spikeformers"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_directory() == tmp_path / "home" / ".cache" / "spikeformers"


@pytest.mark.parametrize("why", ["random crops", "too large"])
def test_what_cannot_be_kept_is_decoded_when_read(
    gallery: FolderGallery, own_cache: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    framing = Framing(image_size=(6, 8), channels=3, scale=(0.5, 1)) if why == "random crops" else FRAMING
    monkeypatch.setattr(opening, "BUDGET", COUNT * 3 * 6 * 8 - (why == "too large"))
    source, _ = open_part(gallery, framing, "pets", Watch())
    assert isinstance(source, FramedPictures)
    assert not own_cache.exists()


def damaged(gallery: FolderGallery, count: int) -> FolderGallery:
    for name in gallery.names[1 : 1 + count]:
        (gallery.root / name).write_bytes(b"no picture")
    return gallery


def test_an_unreadable_picture_is_left_out_and_named(gallery: FolderGallery) -> None:
    for _ in range(2):  # decoded, then out of the cache
        source, unreadable = open_part(damaged(gallery, 1), FRAMING, "pets", Watch())
        assert isinstance(source, Images)
        assert source.labels.tolist() == [0, 2, 3, 4, 5, 6]
        assert list(source.names) == [name for name in gallery.names if name != "cat/1.png"]
        assert torch.equal(source.images, FramedPictures(gallery, FRAMING).read(source.labels).images)
        assert len(unreadable) == 1
        assert "cat/1.png: not a readable PNG or JPEG image (it begins with 6e 6f" in unreadable[0]


def test_too_many_unreadable_pictures_are_refused(gallery: FolderGallery) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match=r"pets: 2 of 7 pictures cannot be read.*cat/1\.png: .*cat/2\.png: .*Repl"):
            open_part(damaged(gallery, 2), FRAMING, "pets", Watch())


def test_unreadable_pictures_are_left_out_in_memory_too(gallery: FolderGallery, own_cache: Path) -> None:
    own_cache.write_text("a file where a directory should be")
    source, unreadable = open_part(damaged(gallery, 1), FRAMING, "pets", Watch())
    assert (source.labels.tolist(), len(unreadable)) == ([0, 2, 3, 4, 5, 6], 1)
