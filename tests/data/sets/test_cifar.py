from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data import Dataset, load_dataset
from spikeformers.data.formats.cifar_forms import read_binary, read_pickled
from spikeformers.errors import DataError
from tests.data.formats.python2 import python2_pickle

CLASSES10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
CLASSES100 = [f"class_{number}" for number in range(100)]
Batches = dict[str, tuple[np.ndarray, list[int]]]
Files = dict[str, bytes]


def batches(names: list[str], classes: int) -> Batches:
    """Three records a file, none like another; every label is drawn from all classes."""
    random = np.random.default_rng(0)
    return {
        name: (random.integers(0, 256, (3, 3072)).astype(np.uint8), random.integers(0, classes, 3).tolist())
        for name in names
    }


def binary(content: Batches, coarse: bool) -> Files:
    start = b"\x13" if coarse else b""
    return {
        f"{name}.bin": b"".join(start + bytes([label]) + row.tobytes() for row, label in zip(*batch, strict=True))
        for name, batch in content.items()
    }


def cifar10() -> Batches:
    return batches([*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"], 10)


def cifar100() -> Batches:
    return batches(["train", "test"], 100)


def cifar10_binary() -> Files:
    # The official list ends in an empty line.
    return binary(cifar10(), coarse=False) | {"batches.meta.txt": "\n".join([*CLASSES10, "", ""]).encode()}


def cifar10_python() -> Files:
    meta = {"label_names": CLASSES10, "num_vis": 3072}
    return {name: python2_pickle(*batch) for name, batch in cifar10().items()} | {"batches.meta": pickle.dumps(meta, 2)}


def cifar100_binary() -> Files:
    return binary(cifar100(), coarse=True) | {"fine_label_names.txt": "\n".join(CLASSES100).encode()}


def cifar100_python() -> Files:
    files = {
        name: pickle.dumps({b"data": data, b"fine_labels": labels, b"coarse_labels": [0] * 3}, 2)
        for name, (data, labels) in cifar100().items()
    }
    return files | {"meta": pickle.dumps({b"fine_label_names": [name.encode() for name in CLASSES100]}, 2)}


FORMS: list[tuple[str, str, str, Callable[[], Files]]] = [
    ("cifar10", "cifar-10-batches-bin", "cifar-10-binary.tar.gz", cifar10_binary),
    ("cifar10", "cifar-10-batches-py", "cifar-10-python.tar.gz", cifar10_python),
    ("cifar100", "cifar-100-binary", "cifar-100-binary.tar.gz", cifar100_binary),
    ("cifar100", "cifar-100-python", "cifar-100-python.tar.gz", cifar100_python),
]
every_form = pytest.mark.parametrize(("name", "folder", "archive", "make"), FORMS)


def write_folder(folder: Path, files: Files) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def write_archive(path: Path, folder: str, files: Files) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def check(dataset: Dataset, content: Batches, classes: list[str]) -> None:
    *train, test = content.values()
    assert dataset.classes == tuple(classes)
    for part, stored in ((dataset.train, train), (dataset.test, [test])):
        rows = torch.from_numpy(np.concatenate([data for data, _ in stored]))
        read = part.read(torch.arange(len(part)))
        assert torch.equal(read.images, rows.view(-1, 3, 32, 32))
        assert read.labels.tolist() == [label for _, labels in stored for label in labels]
    assert (dataset.mean, dataset.std) == ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


@every_form
def test_every_form_is_read_wherever_it_lies(
    tmp_path: Path, name: str, folder: str, archive: str, make: Callable[[], Files]
) -> None:
    write_folder(tmp_path / "unpacked" / folder, make())
    (tmp_path / "packed").mkdir()
    write_archive(tmp_path / "packed" / archive, folder, make())
    content, classes = (cifar10(), CLASSES10) if name == "cifar10" else (cifar100(), CLASSES100)
    places = ("unpacked", f"unpacked/{folder}", "packed", f"packed/{archive}")
    for place in places:
        check(load_dataset(name, tmp_path / place), content, classes)
    assert [path.name for path in (tmp_path / "packed").iterdir()] == [archive], "nothing was unpacked"


@every_form
def test_a_missing_file_is_named(
    tmp_path: Path, name: str, folder: str, archive: str, make: Callable[[], Files]
) -> None:
    for missing in make():
        files = make()
        del files[missing]
        if len(files) < 2:
            continue
        write_folder(tmp_path / missing / folder, files)
        with pytest.raises(DataError, match=f"{missing} is missing"):
            load_dataset(name, tmp_path / missing)


@every_form
def test_a_truncated_file_is_named(
    tmp_path: Path, name: str, folder: str, archive: str, make: Callable[[], Files]
) -> None:
    for damaged in make():
        write_folder(tmp_path / damaged / folder, make() | {damaged: make()[damaged][: len(make()[damaged]) // 2]})
        with pytest.raises(DataError, match=rf"{damaged}: "):
            load_dataset(name, tmp_path / damaged)


@every_form
def test_truncated_archives_are_refused(
    tmp_path: Path, name: str, folder: str, archive: str, make: Callable[[], Files]
) -> None:
    write_archive(tmp_path / archive, folder, make())
    whole = (tmp_path / archive).read_bytes()
    for length in range(0, len(whole) - 200, len(whole) // 7):
        (tmp_path / archive).write_bytes(whole[:length])
        with pytest.raises(DataError, match=rf"{archive}.*etch"):
            load_dataset(name, tmp_path)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    files = cifar10_python() | {"data_batch_3": b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00touch\x85R."}
    write_folder(tmp_path / "cifar-10-batches-py", files)
    with pytest.raises(DataError, match=r"data_batch_3: refused, .* asks for the name 'os\.system'"):
        load_dataset("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("data_batch_2.bin", b"", "data_batch_2.bin: 0 bytes are not a whole number of records of 3073 bytes"),
        ("data_batch_4.bin", bytes([10]) + bytes(3072), "data_batch_4.bin: label 10 of sample 0 .* 10 classes"),
        ("batches.meta.txt", b"cat dog", "batches.meta.txt: names 2 classes; CIFAR-10 has 10"),
        ("batches.meta.txt", b"\xff" * 10, "batches.meta.txt: expected class names"),
    ],
)
def test_content_that_cannot_be_is_refused(tmp_path: Path, name: str, damage: bytes, message: str) -> None:
    write_folder(tmp_path / "cifar-10-batches-bin", cifar10_binary() | {name: damage})
    with pytest.raises(DataError, match=message):
        load_dataset("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ({b"labels": [1]}, r"expected 'data' as uint8 \[N, 3072\]"),
        ({b"data": np.zeros((1, 3071), np.uint8), b"labels": [1]}, "expected 'data'"),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": ["cat"]}, "expected 'labels' as a list of class numbers"),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": [2**70]}, "expected 'labels'"),
        ({b"data": np.zeros((1, 3072), np.uint8), b"labels": [1, 2]}, "1 images but 2 labels"),
    ],
)
def test_pickles_of_something_else_are_refused(batch: dict[bytes, object], message: str) -> None:
    with pytest.raises(DataError, match=f"here: .*{message}"):
        read_pickled(pickle.dumps(batch, 2), "here", b"labels")


def test_what_is_not_there_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file of it was found there. Fetch cifar-10-binary.tar.gz or cifar-10-p"):
        load_dataset("cifar10", tmp_path)
    with pytest.raises(DataError, match=r"absent: CIFAR-100 was looked for, but there is no such directory"):
        load_dataset("cifar100", tmp_path / "absent")


@given(content=st.binary(max_size=100), label_bytes=st.integers(1, 2), records=st.integers(0, 2))
def test_random_records_are_read_or_refused(content: bytes, label_bytes: int, records: int) -> None:
    content += bytes(records * (label_bytes + 3072))
    if content and len(content) % (label_bytes + 3072) == 0:
        assert len(read_binary(content, "here", label_bytes)) == records
    else:
        with pytest.raises(DataError, match=r"^here: "):
            read_binary(content, "here", label_bytes)
