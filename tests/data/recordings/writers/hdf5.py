"""HDF5: columns, a table, and the layout of SHD and SSC."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from spikeformers.data.events.array import Events


def write_columns(path: Path, events: Events, *, group: str = "events", compression: str | None = None) -> Path:
    with h5py.File(path, "w") as file:
        for name in "txyp":
            chunks = (16,) if compression else None
            maximum = (None,) if compression else None
            file.create_dataset(
                f"{group}/{name}", data=events[name], chunks=chunks, maxshape=maximum, compression=compression
            )
    return path


def write_table(path: Path, events: Events, *, name: str = "CD/events") -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=events)
    return path


def write_spikes(
    path: Path,
    times: Sequence[np.ndarray],
    units: Sequence[np.ndarray],
    labels: Sequence[int],
    *,
    dtype: type = np.float16,
) -> Path:
    """Write recordings of spikes: seconds and units."""
    with h5py.File(path, "w") as file:
        for name, arrays, kind in (("times", times, dtype), ("units", units, np.uint16)):
            data = file.create_dataset(f"spikes/{name}", (len(arrays),), dtype=h5py.vlen_dtype(kind))
            for index, array in enumerate(arrays):
                data[index] = array.astype(kind)
        file["labels"] = np.array(labels, dtype=np.int64)
        file["extra/keys"] = [f"class {label}".encode() for label in sorted(set(labels))]
    return path
