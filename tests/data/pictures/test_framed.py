from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from spikeformers.data import Batches, FramedPictures, Framing, Images, Normalised, Subset
from spikeformers.data.pictures import framed as framed_module
from spikeformers.data.pictures.framed import decode_all
from spikeformers.data.pictures.galleries import FolderGallery
from spikeformers.data.sources import at_evaluation
from spikeformers.errors import DataError
from tests.data.pictures.drawn import picture

Save = Callable[..., Path]
PLAIN = Framing(image_size=(6, 8), channels=3)
RANDOM = Framing(image_size=(4, 4), channels=3, scale=(0.2, 0.8))


@pytest.fixture
def gallery(tmp_path: Path, save_pictures: Save) -> FolderGallery:
    names = [f"cat/{index}.png" for index in range(6)]
    return FolderGallery(save_pictures(tmp_path, names), names, torch.arange(6))


def damage(gallery: FolderGallery, *indices: int) -> None:
    for index in indices:
        (gallery.root / gallery.names[index]).write_bytes(b"no picture")


def pixels(*numbers: int) -> torch.Tensor:
    return torch.stack([torch.from_numpy(picture(number)).permute(2, 0, 1) for number in numbers])


def test_pictures_are_decoded_when_they_are_read(gallery: FolderGallery) -> None:
    source = FramedPictures(gallery, PLAIN)
    assert (len(source), source.shape, list(source.names)) == (6, (3, 6, 8), gallery.names)
    read = pickle.loads(pickle.dumps(source)).read(torch.tensor([5, 2, 2]))
    assert torch.equal(read.images, pixels(5, 2, 2))
    assert read.images.is_contiguous()
    assert (read.labels.tolist(), read.unreadable, read.stand_ins) == ([5, 2, 2], (), None)


def test_random_crops_come_from_the_generator(gallery: FolderGallery) -> None:
    source = FramedPictures(gallery, RANDOM)
    first, again, other = (source.read(torch.arange(6), torch.Generator().manual_seed(s)).images for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("asked", "damaged", "shown"),
    [
        ([0, 1, 2, 3], [1], [0, 2, 2, 3]),
        ([0, 1, 2, 3], [1, 2], [0, 3, 3, 3]),
        ([0, 1, 2, 3], [3], [0, 1, 2, 0]),
        ([4, 1, 1, 5], [1], [4, 5, 5, 5]),
        ([5, 0], [5], [0, 0]),
    ],
)
def test_an_unreadable_picture_is_replaced_by_the_next(
    gallery: FolderGallery, asked: list[int], damaged: list[int], shown: list[int]
) -> None:
    damage(gallery, *damaged)
    read = FramedPictures(gallery, PLAIN).read(torch.tensor(asked))
    assert torch.equal(read.images, pixels(*shown))
    assert read.labels.tolist() == shown
    assert read.images.is_contiguous()
    assert read.stand_ins is not None
    assert read.stand_ins.tolist() == [index in damaged for index in asked]
    assert len(read.unreadable) == sum(read.stand_ins)
    assert f"cat/{damaged[0]}.png: not a readable" in read.unreadable[0]


def test_a_read_of_unreadable_pictures_only_is_empty(gallery: FolderGallery) -> None:
    damage(gallery, 1, 2)
    read = FramedPictures(gallery, PLAIN).read(torch.tensor([1, 2]))
    assert (read.images.shape, read.images.dtype, read.labels.tolist()) == ((0, 3, 6, 8), torch.uint8, [])
    assert ["cat/1.png" in read.unreadable[0], "cat/2.png" in read.unreadable[1]] == [True, True]


@pytest.mark.parametrize("workers", [0, 1])
def test_training_refuses_a_batch_of_unreadable_pictures_and_evaluation_goes_on(
    gallery: FolderGallery, workers: int
) -> None:
    damage(gallery, 1, 2, 3)
    batches = Batches(
        source=FramedPictures(gallery, PLAIN), batch_size=2, prepare=Normalised((0,) * 3, (1,) * 3), workers=workers
    )
    with pytest.raises(DataError, match=r"None of 2 pictures can be read\. .*cat/2\.png: .*cat/3\.png"):
        list(batches.epoch())
    bare = list(replace(batches, stand_ins=False).epoch())
    assert [batch.targets.tolist() for batch in bare] == [[0], [], [4, 5]]
    assert [len(batch.unreadable) for batch in bare] == [1, 2, 0]
    torch.testing.assert_close(torch.cat([batch.x for batch in bare]), pixels(0, 4, 5) / 255)


def test_at_evaluation_nothing_is_random(gallery: FolderGallery) -> None:
    source = Subset(FramedPictures(gallery, RANDOM), torch.tensor([3, 1]))
    calm = at_evaluation(source)
    assert torch.equal(calm.read(torch.arange(2)).images, calm.read(torch.arange(2)).images)
    assert calm.labels.tolist() == [3, 1]
    images = Images(pixels(0), torch.tensor([0]))
    assert at_evaluation(images) is images


@pytest.mark.parametrize("small", [0, 10**6])
def test_threads_change_nothing(gallery: FolderGallery, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framed_module, "SMALL", small)
    monkeypatch.setattr(framed_module, "SPAN", 2)
    damage(gallery, 0, 3)
    found = list(decode_all(gallery, PLAIN))
    assert [indices for indices, _ in found] == [range(0, 2), range(2, 4), range(4, 6)]
    images = [torch.from_numpy(image.copy()) for _, span in found for image in span.pixels]
    assert torch.equal(torch.stack(images), pixels(1, 2, 4, 5))
    assert [list(span.refused) for _, span in found] == [[0], [1], []]


def test_pictures_of_any_size_and_mode_become_alike(tmp_path: Path) -> None:
    names = []
    for number, mode in enumerate(("L", "RGB", "RGBA", "LA", "P", "1", "I;16", "CMYK")):
        names.append(f"{number}.jpg" if mode == "CMYK" else f"{number}.png")
        Image.new(mode, (10 + number, 30 - number)).save(tmp_path / names[-1])
    for channels in (1, 3):
        framing = Framing(image_size=(7, 5), channels=channels)
        source = FramedPictures(FolderGallery(tmp_path, names, torch.zeros(8, dtype=torch.int64)), framing)
        assert source.read(torch.arange(8)).images.shape == (8, channels, 7, 5)
