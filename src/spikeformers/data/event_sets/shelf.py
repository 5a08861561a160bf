"""Labelled recordings by index, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.opening import open_recording
from spikeformers.data.recordings.recording import read_whole


class Shelf(Protocol):
    """Recordings of one camera. Shelves can be sent to other processes."""

    @property
    def names(self) -> Sequence[str]:
        """What each recording is called."""
        ...

    @property
    def labels(self) -> Tensor:
        """The index of each recording's class, int64 `[N]`."""
        ...

    @property
    def sensor(self) -> Sensor: ...

    def events(self, index: int) -> Events:
        """Return all events of a recording in the order of time; raise a DataError that names it if it is damaged."""
        ...


@dataclass(frozen=True, eq=False)
class FileShelf:
    """Recordings that are a file each: `root / name`."""

    root: Path
    names: Sequence[str]
    labels: Tensor
    sensor: Sensor
    format: str

    def events(self, index: int) -> Events:
        recording = open_recording(self.root / self.names[index], format=self.format, sensor=self.sensor)
        return read_whole(recording, Losses())
