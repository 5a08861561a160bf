"""Many recordings in one HDF5 file, as SHD and SSC have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from spikeformers.data.event_sets.files import State, state_of
from spikeformers.data.event_sets.shelf import Reading, events_of, refusal
from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.hdf5 import open_spikes, read_labels
from spikeformers.data.recordings.recording import read_whole
from spikeformers.errors import DataError


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
        for index in indices:
            losses = Losses()
            try:
                events: Events | DataError = read_whole(open_spikes(self.path, index, self.sensor), losses)
            except (DataError, OSError) as error:
                events = DataError(f"Recording {index}: {refusal(self.path, error)}")
            yield Reading(index, events, losses)

    def events(self, index: int) -> Events:
        return events_of(self, index)

    def addressed(self, index: int) -> Addressed:
        return Addressed.of(self.events(index), self.sensor)


def open_table(path: Path, sensor: Sensor, classes: int) -> SpikeTable:
    """Open a file; only its labels are read.

    Raises:
        DataError: it cannot be read, it has another structure, no recordings, or labels outside the classes.
    """
    state, labels = state_of(path), read_labels(path)
    if not len(labels) or not 0 <= labels.min() <= labels.max() < classes:
        found = f"labels {labels.min()} to {labels.max()}" if len(labels) else "no labels"
        raise DataError(f"{path}: {found}; expected labels of 0 to {classes - 1}. Fetch the file again.")
    return SpikeTable(path, torch.from_numpy(labels), sensor, state)
