"""The public names of `spikeformers.data` suffice for data and augmentations of one's own."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from spikeformers import data


def test_every_public_name_is_there_and_augmentations_have_one_place() -> None:
    assert all(hasattr(data, name) for name in data.__all__)
    assert not set(data.augment.__all__) & set(data.__all__)
    pictures = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    crop = data.augment.Compose((data.augment.RandomCrop(1),))
    assert crop(pictures, torch.Generator()).shape == pictures.shape


def test_encoded_pictures_of_ones_own_become_a_data_set(
    tmp_path: Path, save_pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{label}/{index}.png" for label in "ab" for index in range(2)]
    labels = torch.tensor([0, 0, 1, 1])
    save_pictures(tmp_path, names)
    with zipfile.ZipFile(tmp_path / "test.zip", "w") as archive:
        for name in names:
            archive.write(tmp_path / name, f"test/{name}")

    def load(data_dir: Path | None) -> data.PictureSet:
        assert data_dir is not None
        train: data.Gallery = data.FolderGallery(data_dir, names, labels)
        test = data.ZipGallery(data.Archive(data_dir / "test.zip"), "test/", names, labels)
        return data.PictureSet(
            name="own", title="Own", train=train, test=test, classes=("a", "b"), licence="", citation=""
        )

    monkeypatch.setattr(data.registry, "_DATASETS", dict(data.registry._DATASETS))
    data.register_dataset("own_pictures", load)
    own = data.load_dataset("own_pictures", tmp_path, framing=data.Framing(image_size=(3, 4), channels=3))
    assert data.shape_of(own.train) == (3, 3, 4)
    assert torch.equal(data.read_all(own.train).images, data.read_all(own.test).images)
    assert own.test.labels.tolist() == [0, 0, 1, 1]
