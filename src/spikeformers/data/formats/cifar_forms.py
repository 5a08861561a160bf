"""The two forms CIFAR is published in: plain binary records, and dicts pickled by Python 2."""

from __future__ import annotations

import numpy as np
import torch

from spikeformers.data.formats.plain_pickle import read_plain_pickle
from spikeformers.data.sources import Images
from spikeformers.errors import DataError

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


def read_binary(content: bytes, where: str, label_bytes: int) -> Images:
    """Read records of `label_bytes` labels, of which the last one is the class, and 3072 pixels: red, green, blue.

    Raises:
        DataError: not a whole number of records, or none.
    """
    record = label_bytes + PIXELS
    if not content or len(content) % record:
        raise DataError(
            f"{where}: {len(content)} bytes are not a whole number of records of {record} bytes. Fetch the file again."
        )
    records = np.frombuffer(bytearray(content), np.uint8).reshape(-1, record)
    images = torch.from_numpy(records[:, label_bytes:].reshape(-1, *SHAPE))
    return Images(images, torch.from_numpy(records[:, label_bytes - 1].astype(np.int64)))


def read_pickled(content: bytes, where: str, label_key: bytes) -> Images:
    """Read a pickled dict with `data`, uint8 `[N, 3072]`, and a list of labels under `label_key`.

    Raises:
        DataError: no such dict, or a pickle that asks for more than plain values.
    """
    batch = _as_bytes(read_plain_pickle(content, where))
    data, labels = batch.get(b"data"), batch.get(label_key)
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != PIXELS or not len(data):
        raise DataError(f"{where}: expected 'data' as uint8 [N, {PIXELS}]. Fetch the file again.")
    if not isinstance(labels, list) or not all(isinstance(label, int) and 0 <= label < 256 for label in labels):
        raise DataError(f"{where}: expected '{label_key.decode()}' as a list of class numbers. Fetch the file again.")
    if len(labels) != len(data):
        raise DataError(f"{where}: {len(data)} images but {len(labels)} labels. Fetch the file again.")
    return Images(torch.from_numpy(data.reshape(-1, *SHAPE).copy()), torch.tensor(labels))


def read_listed_names(content: bytes, where: str) -> tuple[str, ...]:
    """Read class names, one a line."""
    try:
        return tuple(content.decode("ascii").split())
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: expected class names, one a line ({error}). Fetch the file again.") from error


def read_pickled_names(content: bytes, where: str, key: bytes) -> tuple[str, ...]:
    """Read the class names under `key` of a pickled dict."""
    names = _as_bytes(read_plain_pickle(content, where)).get(key)
    if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
        raise DataError(f"{where}: expected '{key.decode()}' as a list of names. Fetch the file again.")
    return tuple(name if isinstance(name, str) else name.decode("latin-1") for name in names)


def _as_bytes(batch: dict[str | bytes, object]) -> dict[bytes, object]:
    """Return the dict with bytes for keys, as Python 2 wrote it."""
    return {key if isinstance(key, bytes) else key.encode(): value for key, value in batch.items()}
