from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from spikeformers.data import Dataset, load_dataset
from spikeformers.data.sets import mnist
from spikeformers.errors import DataError

Write = Callable[..., Path]
INSTALLED = mnist.FASHION_MNIST.installed
MNIST_DIR = os.environ.get("MNIST_DIR")

needs_fashion_mnist = pytest.mark.skipif(
    INSTALLED is None or not INSTALLED.is_dir(),
    reason="Fashion-MNIST is not installed: apt-get install dataset-fashion-mnist",
)
needs_mnist = pytest.mark.skipif(MNIST_DIR is None, reason="set MNIST_DIR to a directory with MNIST's four files")


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mnist", "."),
        ("mnist", "mnist"),
        ("mnist", "MNIST/raw"),
        ("mnist", "raw"),
        ("mnist", "package/data"),
        ("mnist", "data"),
        ("fashion_mnist", "."),
        ("fashion_mnist", "fashion-mnist"),
        ("fashion_mnist", "fashion_mnist"),
        ("fashion_mnist", "FashionMNIST/raw"),
    ],
)
def test_the_four_files_are_found(tmp_path: Path, write_mnist: Write, name: str, folder: str, compress: bool) -> None:
    write_mnist(tmp_path / folder, compress=compress)
    dataset = load_dataset(name, tmp_path)
    assert dataset.name == name
    assert dataset.train.images.shape == (12, 1, 28, 28)
    assert dataset.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert dataset.test.images.shape == (5, 1, 28, 28)
    random = np.random.default_rng(0)
    assert torch.equal(
        dataset.train.images[:, 0], torch.from_numpy(random.integers(0, 256, (12, 28, 28)).astype(np.uint8))
    )


def test_the_folder_of_the_sets_name_comes_first(tmp_path: Path, write_mnist: Write) -> None:
    write_mnist(tmp_path, test_labels=np.zeros(5, np.uint8))
    write_mnist(tmp_path / "mnist")
    assert load_dataset("mnist", tmp_path).test.labels.tolist() == [0, 1, 2, 3, 4]
    assert load_dataset("fashion_mnist", tmp_path).test.labels.tolist() == [0, 0, 0, 0, 0]


def test_without_a_directory_the_installed_files_are_read(
    tmp_path: Path, write_mnist: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "FASHION_MNIST", replace(mnist.FASHION_MNIST, installed=tmp_path / "installed"))
    with pytest.raises(DataError, match="apt-get install dataset-fashion-mnist"):
        load_dataset("fashion_mnist")
    write_mnist(tmp_path / "installed", compress=True)
    assert len(load_dataset("fashion_mnist").train) == 12


def test_mnist_needs_a_directory() -> None:
    with pytest.raises(DataError, match=r"No directory was given for MNIST. Put the four files"):
        load_dataset("mnist")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_a_missing_or_empty_directory_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"absent: no such directory.*the four files"):
        load_dataset(name, tmp_path / "absent")
    with pytest.raises(DataError, match=r"holds none of the four files.*train-images-idx3-ubyte.*[Pp]ut"):
        load_dataset(name, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="no such directory"):
        load_dataset(name, tmp_path / "file")


@pytest.mark.parametrize("missing", mnist.TRAIN + mnist.TEST)
def test_a_missing_file_is_named(tmp_path: Path, write_mnist: Write, missing: str) -> None:
    (write_mnist(tmp_path) / missing).unlink()
    with pytest.raises(DataError, match=f"{missing} is missing"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize("damaged", mnist.TRAIN + mnist.TEST)
def test_a_truncated_file_is_named(tmp_path: Path, write_mnist: Write, damaged: str) -> None:
    path = write_mnist(tmp_path) / damaged
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"{damaged}: the header announces"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"train_labels": np.zeros(11, np.uint8)}, "12 images but .*train-labels-idx1-ubyte 11 labels"),
        ({"test_images": np.zeros((6, 28, 28), np.uint8)}, "6 images but .*t10k-labels-idx1-ubyte 5 labels"),
        (
            {"train_labels": np.array([3] * 11 + [10], np.uint8)},
            "train-labels-idx1-ubyte: label 10 of sample 11 is outside the 10 classes",
        ),
        ({"test_labels": np.arange(5, dtype=np.int32)}, "t10k-labels.*expected uint8 data of rank 1.*int32"),
        ({"train_images": np.zeros(12, np.uint8)}, "train-images.*expected uint8 data of rank 3"),
        ({"train_labels": np.zeros((12, 28, 28), np.uint8)}, "train-labels.*expected uint8 data of rank 1"),
        (
            {"train_images": np.zeros((0, 28, 28), np.uint8), "train_labels": np.zeros(0, np.uint8)},
            "train-images.*not empty",
        ),
        ({"test_images": np.zeros((5, 14, 14), np.uint8)}, "training images are .*28, 28.* but test images"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, write_mnist: Write, replaced: dict[str, np.ndarray], message: str
) -> None:
    write_mnist(tmp_path, **replaced)
    with pytest.raises(DataError, match=message):
        load_dataset("mnist", tmp_path)


def check_facts(dataset: Dataset) -> None:
    for part, count in ((dataset.train, 60_000), (dataset.test, 10_000)):
        assert part.images.shape == (count, 1, 28, 28)
    pixels = dataset.train.images.double() / 255
    assert dataset.mean == (pytest.approx(pixels.mean().item(), abs=5e-5),)
    assert dataset.std == (pytest.approx(pixels.std(correction=0).item(), abs=5e-5),)


@needs_fashion_mnist
def test_fashion_mnist_as_debian_installs_it() -> None:
    fashion = load_dataset("fashion_mnist")
    check_facts(fashion)
    assert torch.bincount(fashion.train.labels).tolist() == [6000] * 10
    assert torch.bincount(fashion.test.labels).tolist() == [1000] * 10
    assert [fashion.classes[k] for k in fashion.test.labels[:4]] == ["Ankle boot", "Pullover", "Trouser", "Trouser"]


@needs_fashion_mnist
def test_one_set_is_not_taken_for_the_other() -> None:
    with pytest.raises(DataError, match="these files are Fashion-MNIST, not MNIST"):
        load_dataset("mnist", INSTALLED)


@needs_mnist
def test_mnist_as_published() -> None:
    digits = load_dataset("mnist", MNIST_DIR)
    check_facts(digits)
    assert digits.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    with pytest.raises(DataError, match="these files are MNIST, not Fashion-MNIST"):
        load_dataset("fashion_mnist", MNIST_DIR)
