"""CIFAR-10 and CIFAR-100 (A. Krizhevsky, 2009): 60 000 colour images of 32 x 32 pixels, in both official forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from spikeformers.data.dataset import Dataset, check_labels
from spikeformers.data.formats.archives import read_files
from spikeformers.data.formats.cifar_forms import read_binary, read_listed_names, read_pickled, read_pickled_names
from spikeformers.data.sources import Images
from spikeformers.errors import DataError

HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
# As all papers of the field take them, for CIFAR-100 as well.
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CITATION = "A. Krizhevsky. Learning Multiple Layers of Features from Tiny Images. Technical report, 2009."
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


@dataclass(frozen=True, kw_only=True)
class _Form:
    """One of the forms a set is published in: names of its files, and how they are read."""

    folder: str
    archive: str
    train: tuple[str, ...]
    test: str
    names: str
    read: Callable[[bytes, str], Images]
    read_names: Callable[[bytes, str], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class _Release:
    name: str
    title: str
    classes: int
    forms: tuple[_Form, ...]


CIFAR10 = _Release(
    name="cifar10",
    title="CIFAR-10",
    classes=10,
    forms=(
        _Form(
            folder="cifar-10-batches-bin",
            archive="cifar-10-binary.tar.gz",
            train=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
            test="test_batch.bin",
            names="batches.meta.txt",
            read=partial(read_binary, label_bytes=1),
            read_names=read_listed_names,
        ),
        _Form(
            folder="cifar-10-batches-py",
            archive="cifar-10-python.tar.gz",
            train=tuple(f"data_batch_{number}" for number in range(1, 6)),
            test="test_batch",
            names="batches.meta",
            read=partial(read_pickled, label_key=b"labels"),
            read_names=partial(read_pickled_names, key=b"label_names"),
        ),
    ),
)

CIFAR100 = _Release(
    name="cifar100",
    title="CIFAR-100",
    classes=100,
    forms=(
        _Form(
            folder="cifar-100-binary",
            archive="cifar-100-binary.tar.gz",
            train=("train.bin",),
            test="test.bin",
            names="fine_label_names.txt",
            read=partial(read_binary, label_bytes=2),
            read_names=read_listed_names,
        ),
        _Form(
            folder="cifar-100-python",
            archive="cifar-100-python.tar.gz",
            train=("train",),
            test="test",
            names="meta",
            read=partial(read_pickled, label_key=b"fine_labels"),
            read_names=partial(read_pickled_names, key=b"fine_label_names"),
        ),
    ),
)


def load_cifar10(data_dir: Path | None = None) -> Dataset:
    """Load CIFAR-10 from its official binary or python form, unpacked or as .tar.gz, in `data_dir`.

    Raises:
        DataError: files are missing or damaged, or a pickle asks for more than plain values.
    """
    return _load(CIFAR10, data_dir)


def load_cifar100(data_dir: Path | None = None) -> Dataset:
    """Load CIFAR-100 with its 100 fine classes; the files may lie as for `load_cifar10`.

    Raises:
        DataError: as for `load_cifar10`.
    """
    return _load(CIFAR100, data_dir)


def _load(release: _Release, data_dir: Path | None) -> Dataset:
    form, place = _find(release, data_dir)
    files = read_files(place, (*form.train, form.test, form.names))
    classes = form.read_names(files[form.names], str(place / form.names))
    if len(classes) != release.classes:
        raise DataError(
            f"{place / form.names}: names {len(classes)} classes; {release.title} has {release.classes}. "
            "Fetch the whole set again."
        )
    return Dataset(
        name=release.name,
        title=release.title,
        train=_read_part(form, files, form.train, place, release.classes),
        test=_read_part(form, files, (form.test,), place, release.classes),
        classes=classes,
        mean=MEAN,
        std=STD,
        licence="not stated; its makers ask to be cited",
        citation=CITATION,
    )


def _find(release: _Release, data_dir: Path | None) -> tuple[_Form, Path]:
    """Find the folder, or else the archive, of any of the set's forms."""
    archives = " or ".join(form.archive for form in release.forms)
    way_out = f"Fetch {archives} from {HOME} and name the directory it lies in, unpacked or not."
    if data_dir is None:
        raise DataError(f"No directory was given for {release.title}. {way_out}")
    for form in release.forms:
        for folder in (data_dir / form.folder, data_dir):
            if any((folder / name).is_file() for name in (*form.train, form.test)):
                return form, folder
    for form in release.forms:
        for archive in (data_dir / form.archive, data_dir):
            if archive.name == form.archive and archive.is_file():
                return form, archive
    found = "no file of it was found there" if data_dir.exists() else "there is no such directory"
    raise DataError(f"{data_dir}: {release.title} was looked for, but {found}. {way_out}")


def _read_part(form: _Form, files: dict[str, bytes], names: tuple[str, ...], place: Path, classes: int) -> Images:
    batches = [form.read(files[name], str(place / name)) for name in names]
    for name, batch in zip(names, batches, strict=True):
        check_labels(batch.labels, classes, str(place / name))
    return Images(torch.cat([batch.images for batch in batches]), torch.cat([batch.labels for batch in batches]))
