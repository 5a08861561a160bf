from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spikeformers.data import FramedPictures, Framing, Images, Watch, load_dataset, names_of, shape_of
from spikeformers.data.sets.cifar import CIFAR10_CLASSES
from spikeformers.errors import DataError
from tests.data.pictures.drawn import picture

Save = Callable[..., Path]
PETS = [f"{part}/{name}/{index}.png" for part in ("train", "test") for name in ("cat", "dog") for index in range(10)]
DATA = os.environ.get("SPIKEFORMERS_DATA")


@pytest.fixture
def pets(tmp_path: Path, save_pictures: Save) -> Path:
    return save_pictures(tmp_path / "pets", PETS)


def pixels(*numbers: int) -> torch.Tensor:
    return torch.stack([torch.from_numpy(picture(number)).permute(2, 0, 1) for number in numbers])


def test_pictures_of_one_size_need_no_framing(pets: Path) -> None:
    dataset = load_dataset("image_folder", pets)
    assert (dataset.name, dataset.title, dataset.classes) == ("image_folder", "image folder pets", ("cat", "dog"))
    assert isinstance(dataset.train, Images)
    assert torch.equal(dataset.train.images, pixels(*range(20)))
    assert torch.equal(dataset.test.read(torch.arange(20)).images, pixels(*range(20, 40)))
    assert dataset.train.labels.tolist() == dataset.test.labels.tolist() == [0] * 10 + [1] * 10
    assert dataset.validation is None
    scaled = pixels(*range(20)).double() / 255
    torch.testing.assert_close(torch.tensor(dataset.mean).double(), scaled.mean((0, 2, 3)), atol=5e-5, rtol=0)


def test_grey_pictures_stay_grey(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for index in range(5):
            Image.fromarray(picture(index)[..., 0]).save(tmp_path / name / f"{index}.png")
    dataset = load_dataset("image_folder", tmp_path)
    assert shape_of(dataset.train) == (1, 6, 8)
    assert (len(dataset.train), len(dataset.test)) == (8, 2)


def test_pictures_of_several_sizes_need_a_framing(pets: Path) -> None:
    Image.new("RGB", (9, 9)).save(pets / PETS[-1])
    with pytest.raises(DataError, match=r"image folder pets: .* several sizes \(cat/0.png 8 x 6, dog/9.png 9 x 9\)"):
        load_dataset("image_folder", pets)
    dataset = load_dataset("image_folder", pets, framing=Framing(image_size=(5, 5), channels=1))
    assert shape_of(dataset.train) == shape_of(dataset.test) == (1, 5, 5)
    assert len(dataset.mean) == 1


def test_random_crops_are_for_training_alone(pets: Path) -> None:
    framing = Framing(image_size=(4, 4), channels=3, scale=(0.1, 0.6))
    dataset = load_dataset("image_folder", pets, framing=framing).with_validation(0.2)
    assert dataset.validation is not None
    everything = torch.arange(4)
    assert torch.equal(dataset.validation.read(everything).images, dataset.validation.read(everything).images)
    first, other = (dataset.train.read(everything, torch.Generator().manual_seed(seed)).images for seed in (0, 1))
    assert not torch.equal(first, other)
    assert isinstance(dataset.test, Images)
    assert dataset.mean == load_dataset("image_folder", pets, framing=framing.at_evaluation()).mean


def test_a_zip_archive_gives_the_same_data_set(pets: Path) -> None:
    archive = pets.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in reversed(PETS):
            file.write(pets / path, f"top/{path}")
    folder, zipped = (load_dataset("image_folder", place).with_validation(0.3) for place in (pets, archive))
    assert folder.validation is not None
    assert zipped.validation is not None
    assert list(names_of(folder.validation)) == list(names_of(zipped.validation))
    assert torch.equal(folder.train.read(torch.arange(14)).images, zipped.train.read(torch.arange(14)).images)
    assert (folder.mean, folder.std) == (zipped.mean, zipped.std)


def test_the_validation_split_does_not_depend_on_how_pictures_are_read(pets: Path) -> None:
    framing = Framing(image_size=(6, 8), channels=3)
    cached = load_dataset("image_folder", pets, framing=framing).with_validation(0.3)
    lazily = load_dataset(
        "image_folder", pets, framing=Framing(image_size=(6, 8), channels=3, scale=(1, 1))
    ).with_validation(0.3)
    assert list(names_of(cached.train)) == list(names_of(lazily.train))
    assert torch.equal(cached.validation.read(torch.arange(6)).images, lazily.validation.read(torch.arange(6)).images)


def test_unreadable_pictures_are_told(pets: Path) -> None:
    for path in (PETS[3], PETS[25]):
        (pets / path).write_bytes(b"no picture")
    dataset = load_dataset("image_folder", pets)
    assert (len(dataset.train), len(dataset.test)) == (19, 19)
    assert [name.split(": ")[0] for name in dataset.unreadable] == [str(pets / PETS[3]), str(pets / PETS[25])]
    (pets / PETS[4]).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"image folder pets, training part: 2 of 20 pictures cannot be read"):
        load_dataset("image_folder", pets)


def test_a_folder_of_unreadable_pictures_is_refused(pets: Path) -> None:
    for path in PETS:
        (pets / path).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"9\.png: not a readable PNG or JPEG image"):
        load_dataset("image_folder", pets)


def test_progress_is_told(pets: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    load_dataset("image_folder", pets, watch=Watch(progress=lambda *step: steps.append(step)))
    assert steps == [("image folder pets, training part", 20, 20), ("image folder pets, test part", 20, 20)]


def test_imagenet_is_validated_on_val_and_normalised_as_in_the_papers(tmp_path: Path, save_pictures: Save) -> None:
    paths = [
        f"{part}/{synset}/{index}.png" for part in ("train", "val") for synset in ("n02", "n01") for index in (0, 1)
    ]
    root = save_pictures(tmp_path, paths, (30, 40))
    framing = Framing(image_size=(16, 16), channels=3, crop_pct=0.875, scale=(0.08, 1))
    dataset = load_dataset("imagenet", root, framing=framing)
    assert (dataset.title, dataset.classes) == ("ImageNet", ("n01", "n02"))
    assert (dataset.mean, dataset.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert isinstance(dataset.train, FramedPictures)
    assert len(dataset.test) == 4
    assert dataset.validation is None
    assert pickle.loads(pickle.dumps(dataset.train)).read(torch.arange(4), torch.Generator()).images.shape[1:] == (
        3,
        16,
        16,
    )


def write_small_cifar(path: Path, classes: tuple[str, ...]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, (part, name) in enumerate((part, name) for part in ("train", "test") for name in classes):
            with archive.open(f"{part}/{name}/0000.jpg", "w") as file:
                Image.fromarray(picture(number, (32, 32))).save(file, "JPEG")
    return path


def test_cifar10_as_jpeg_always_says_so(tmp_path: Path) -> None:
    archive = write_small_cifar(tmp_path / "cifar10_jpeg.zip", CIFAR10_CLASSES)
    for place in (tmp_path, archive):
        dataset = load_dataset("cifar10_jpeg", place)
        assert (dataset.title, dataset.classes) == ("CIFAR-10 (JPEG)", CIFAR10_CLASSES)
        assert "Krizhevsky" in dataset.citation
        assert shape_of(dataset.train) == (3, 32, 32)
        assert dataset.mean == (0.4914, 0.4822, 0.4465)


def test_other_pictures_are_not_taken_for_cifar10(tmp_path: Path, pets: Path) -> None:
    with pytest.raises(DataError, match=r"its classes are cat, dog, not those of CIFAR-10.*'image_folder'"):
        load_dataset("cifar10_jpeg", pets)


@pytest.mark.slow
@pytest.mark.skipif(
    DATA is None or not (Path(DATA) / "cifar10_jpeg.zip").is_file(),
    reason="set SPIKEFORMERS_DATA to a directory with cifar10_jpeg.zip",
)
def test_cifar10_as_jpeg_is_whole() -> None:
    assert DATA is not None
    dataset = load_dataset("cifar10_jpeg", DATA, framing=Framing(image_size=(32, 32), channels=3))
    assert torch.bincount(dataset.train.labels).tolist() == [5000] * 10
    assert torch.bincount(dataset.test.labels).tolist() == [1000] * 10
    assert dataset.unreadable == ()
    with zipfile.ZipFile(Path(DATA) / "cifar10_jpeg.zip") as archive, archive.open("test/ship/0007.jpg") as file:
        expected = np.array(Image.open(file).convert("RGB"))
    index = list(names_of(dataset.test)).index("ship/0007.jpg")
    read = dataset.test.read(torch.tensor([index]))
    assert np.array_equal(read.images[0].permute(1, 2, 0).numpy(), expected)
    assert dataset.classes[int(read.labels[0])] == "ship"
    # Lossy, so near the published values, not equal to them.
    pixels = dataset.train.read(torch.arange(0, 50_000, 10)).images.double() / 255
    torch.testing.assert_close(pixels.mean((0, 2, 3)), torch.tensor(dataset.mean).double(), atol=0.005, rtol=0)
