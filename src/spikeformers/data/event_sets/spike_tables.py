"""Many recordings in one HDF5 file, as SHD and SSC have them.

`spikes/times` and `spikes/units` have a row of varying length per recording, seconds and channels; `labels` has a
number each (Cramer et al., 2022).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeformers.data.event_sets.files import State, state_of
from spikeformers.data.event_sets.shelf import Reading, events_of
from spikeformers.data.events.array import EVENT, Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.extras import extra
from spikeformers.data.recordings.recording import in_order
from spikeformers.errors import DataError

SECOND = 1_000_000  # microseconds
MOST_RECORDINGS = 10_000_000


@dataclass(frozen=True, eq=False)
class SpikeTable:
    """The recordings of one file; a channel is a pixel of a sensor of height 1 and one polarity."""

    path: Path
    labels: Tensor
    sensor: Sensor
    state: State

    @cached_property
    def names(self) -> Sequence[str]:
        return [f"{self.path.name}/{index}" for index in range(len(self.labels))]

    @property
    def place(self) -> str:
        return f"{self.path.resolve()} {self.sensor}"

    def identity(self, index: int) -> str:
        return f"{index} {self.state}"

    def size(self, index: int) -> int:
        """Return an equal share of the file: how long a row is is known only when it is read."""
        return self.state.size // len(self.labels) + 1

    def read(self, indices: Iterable[int]) -> Iterator[Reading[Events]]:
        """Read recordings; see `Originals.read`."""
        indices = list(indices)
        with _opened(self.path) as file:
            times, units = file["spikes/times"], file["spikes/units"]
            for index in indices:
                losses = Losses()
                yield Reading(index, self._try(times, units, index, losses), losses)

    def events(self, index: int) -> Events:
        return events_of(self, index)

    def _try(self, times: Any, units: Any, index: int, losses: Losses) -> Events | DataError:
        try:
            return self._events(np.asarray(times[index]), np.asarray(units[index]), losses)
        except (OSError, ValueError, TypeError, IndexError) as error:  # what damaged files end in
            return DataError(f"{self.path}, recording {index}: cannot be read ({error}).")

    def _events(self, times: np.ndarray, units: np.ndarray, losses: Losses) -> Events:
        both = min(len(times), len(units))
        losses.add("times or channels without the other", len(times) + len(units) - 2 * both)
        seconds = times[:both].astype(np.float64)
        possible = np.isfinite(seconds) & (seconds >= 0) & (seconds < 1e9)
        inside = possible & (units[:both] >= 0) & (units[:both] < self.sensor.width)
        losses.add("events without a possible time", int((~possible).sum()))
        losses.add("events outside the sensor", int((possible & ~inside).sum()))
        events = np.zeros(int(inside.sum()), dtype=EVENT)
        events["t"] = np.rint(seconds[inside] * SECOND)
        events["x"] = units[:both][inside]
        return in_order([events], losses)


def open_table(path: Path, sensor: Sensor, classes: int) -> SpikeTable:
    """Open a file; only its labels are read.

    Raises:
        DataError: it cannot be read, it has another structure, or labels outside the classes.
    """
    with _opened(path) as file:
        labels = np.asarray(file["labels"])
        rows = len(file["spikes/times"]), len(file["spikes/units"])
    if labels.ndim != 1 or rows != (len(labels), len(labels)) or len(labels) > MOST_RECORDINGS:
        raise DataError(
            f"{path}: {rows[0]} rows of times, {rows[1]} of channels and labels {labels.shape}; expected "
            "as many of each. Fetch it again."
        )
    numbers = labels.astype(np.int64)
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < classes:
        raise DataError(f"{path}: labels {numbers.min()} to {numbers.max()}; expected 0 to {classes - 1}.")
    return SpikeTable(path, torch.from_numpy(numbers), sensor, state_of(path))


def keys_of(path: Path) -> tuple[str, ...]:
    """Return what the classes are called in a file; empty where it does not say."""
    with _opened(path) as file:
        keys = file.get("extra/keys")
        return () if keys is None else tuple(key.decode() if isinstance(key, bytes) else str(key) for key in keys)


def _opened(path: Path) -> Any:
    h5py = extra("h5py", "SHD and SSC")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: cannot be read as HDF5 ({error}). Fetch it again.") from error
    if missing := [name for name in ("spikes/times", "spikes/units", "labels") if name not in file]:
        file.close()
        raise DataError(f"{path}: there is no {' and no '.join(missing)} in it, so it is no file of SHD or SSC.")
    return file
