from __future__ import annotations

from pathlib import Path

import pytest
import torch

from spikeformers.data import (
    Dataset,
    Framing,
    dataset_names,
    lies_in_folders,
    load_dataset,
    register_dataset,
    registry,
    shape_of,
)
from spikeformers.errors import ConfigError, DataError, UnknownNameError


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_DATASETS", dict(registry._DATASETS))


def test_names_are_sorted() -> None:
    assert dataset_names() == [
        "cifar10",
        "cifar100",
        "cifar10_jpeg",
        "cifar10dvs",
        "digits",
        "dvs128_gesture",
        "event_folder",
        "fashion_mnist",
        "har_dvs",
        "image_folder",
        "imagenet",
        "mnist",
        "ncaltech101",
        "nmnist",
        "shd",
        "ssc",
    ]


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "cifar10_jpeg", "image_folder", "imagenet", "mnist"])
def test_sets_that_are_not_installed_say_how_to_get_them(name: str) -> None:
    with pytest.raises(DataError, match=r"No directory was given for .*(Put|Name|Fetch|name)"):
        load_dataset(name)


@pytest.mark.parametrize("name", ["digits", "Digits", "DIGITS"])
def test_capitals_do_not_matter(name: str) -> None:
    assert load_dataset(name).name == "digits"


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no data set 'digit'. Did you mean 'digits'.*Known are: cifar10, "):
        load_dataset("digit")


def test_a_loader_of_the_users_own_is_called_with_the_directory(tmp_path: Path) -> None:
    asked: list[Path | None] = []

    def load(data_dir: Path | None) -> Dataset:
        asked.append(data_dir)
        return registry.load_digits(None)

    register_dataset("My-Digits", load)
    assert "my_digits" in dataset_names()
    load_dataset("my_digits")
    load_dataset("my-digits", str(tmp_path))
    assert asked == [None, tmp_path]


def test_which_sets_lie_in_folders_of_pictures() -> None:
    assert [name for name in dataset_names() if lies_in_folders(name)] == ["cifar10_jpeg", "image_folder", "imagenet"]
    assert lies_in_folders("Image-Folder")
    assert not lies_in_folders("cifar10dvs")
    register_dataset("My-Pictures", registry.load_image_folder, in_folders=True)
    register_dataset("My-Digits", registry.load_digits)
    assert (lies_in_folders("my_pictures"), lies_in_folders("my_digits")) == (True, False)


@pytest.mark.parametrize("name", ["digits", "Fashion-MNIST"])
def test_a_taken_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"already. Register yours under another name"):
        register_dataset(name, registry.load_digits)


def test_images_are_framed_where_that_is_asked_for() -> None:
    plain = load_dataset("digits")
    same = load_dataset("digits", framing=Framing(image_size=(8, 8), channels=1))
    assert torch.equal(same.test.read(torch.arange(9)).images, plain.test.read(torch.arange(9)).images)
    framed = load_dataset("digits", framing=Framing(image_size=(16, 12), channels=3))
    assert shape_of(framed.train) == shape_of(framed.test) == (3, 16, 12)
