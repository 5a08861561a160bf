"""Makers of small files in the formats the package reads."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.pictures.drawn import picture

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def _idx_bytes(array: np.ndarray) -> bytes:
    code = IDX_CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[np.ndarray], bytes]:
    return _idx_bytes


@pytest.fixture(scope="session")
def write_mnist() -> Callable[..., Path]:
    """Write four small files as MNIST has them: 12 training and 5 test images, labels 0, 1, 2, ..."""

    def write(folder: Path, *, compress: bool = False, **replaced: np.ndarray) -> Path:
        random = np.random.default_rng(0)
        arrays = {
            "train-images-idx3-ubyte": random.integers(0, 256, (12, 28, 28)).astype(np.uint8),
            "train-labels-idx1-ubyte": (np.arange(12) % 10).astype(np.uint8),
            "t10k-images-idx3-ubyte": random.integers(0, 256, (5, 28, 28)).astype(np.uint8),
            "t10k-labels-idx1-ubyte": np.arange(5, dtype=np.uint8),
        }
        short = {"train_images": 0, "train_labels": 1, "test_images": 2, "test_labels": 3}
        for word, array in replaced.items():
            arrays[list(arrays)[short[word]]] = array
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            content = _idx_bytes(array)
            if compress:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
        return folder

    return write


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep decoded pictures of a test to itself."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SPIKEFORMERS_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def save_pictures() -> Callable[..., Path]:
    """Write one PNG file per relative path; the n-th shows `picture(n)`, and a size may be given for all."""

    def save(root: Path, paths: list[str], size: tuple[int, int] = (8, 6)) -> Path:
        for number, path in enumerate(paths):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture(number, size)).save(root / path)
        return root

    return save
