"""Labelled recordings by index, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from spikeformers.data.event_sets.files import State
from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.opening import open_recording
from spikeformers.data.recordings.recording import read_whole
from spikeformers.errors import DataError

Content = TypeVar("Content", bound=Sized, covariant=True)


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

    def addressed(self, index: int) -> Addressed:
        """Return the same events in the form that is framed."""
        ...


@dataclass(frozen=True, eq=False)
class Reading(Generic[Content]):
    """What became of reading one recording.

    Attributes:
        index: of the recording.
        events: in the order of time, or why there are none. Of a set that was released as images, its frames' files.
        losses: what of it could not be taken over.
    """

    index: int
    events: Content | DataError
    losses: Losses


class Readable(Protocol):
    """What can be read from end to end."""

    @property
    def names(self) -> Sequence[str]: ...

    def size(self, index: int) -> int:
        """Return how many bytes are read for a recording after the one before it; 0 if it lies in the same file."""
        ...

    def read(self, indices: Iterable[int]) -> Iterator[Reading[Sized]]:
        """Read recordings one after the other, in this order; what cannot be read is told, not raised."""
        ...


@runtime_checkable
class Originals(Shelf, Readable, Protocol):
    """Recordings in the files of their release, which are worth to be converted once."""

    @property
    def place(self) -> str:
        """Names the files and how they are read; two shelves with one place hold the same recordings."""
        ...

    def identity(self, index: int) -> str:
        """Return a text that changes whenever the events of a recording may have changed."""
        ...

    def read(self, indices: Iterable[int]) -> Iterator[Reading[Events]]: ...


@dataclass(frozen=True, eq=False)
class FileShelf:
    """Recordings that are a file each: `root / name`.

    Attributes:
        states: size and time of change of every file.
        format: a word of `recordings.opening.FORMATS`; None: told by each file itself.
    """

    root: Path
    names: Sequence[str]
    labels: Tensor
    sensor: Sensor
    states: Sequence[State]
    format: str | None = None

    @property
    def place(self) -> str:
        return f"{self.root.resolve()} {self.format} {self.sensor}"

    def identity(self, index: int) -> str:
        return f"{self.names[index]} {self.states[index]}"

    def size(self, index: int) -> int:
        return self.states[index].size

    def read(self, indices: Iterable[int]) -> Iterator[Reading[Events]]:
        """Read recordings; see `Originals.read`."""
        for index in indices:
            losses = Losses()
            yield Reading(index, self._try(index, losses), losses)

    def events(self, index: int) -> Events:
        return events_of(self, index)

    def addressed(self, index: int) -> Addressed:
        return Addressed.of(self.events(index), self.sensor)

    def _try(self, index: int, losses: Losses) -> Events | DataError:
        path = self.root / self.names[index]
        try:
            return read_whole(open_recording(path, format=self.format, sensor=self.sensor), losses)
        except (DataError, OSError) as error:
            return refusal(path, error)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Some recordings of a shelf.

    Attributes:
        indices: int64 `[N]`, where each stands on the shelf.
    """

    shelf: Shelf
    indices: Tensor

    @cached_property
    def names(self) -> Sequence[str]:
        return [self.shelf.names[index] for index in self.indices.tolist()]

    @cached_property
    def labels(self) -> Tensor:
        return self.shelf.labels[self.indices]

    @property
    def sensor(self) -> Sensor:
        return self.shelf.sensor

    def events(self, index: int) -> Events:
        return self.shelf.events(int(self.indices[index]))

    def addressed(self, index: int) -> Addressed:
        return self.shelf.addressed(int(self.indices[index]))


def events_of(shelf: Originals, index: int) -> Events:
    """Return the events of one recording, or raise why there are none."""
    (reading,) = shelf.read([index])
    if isinstance(reading.events, DataError):
        raise reading.events
    return reading.events


def refusal(path: Path, error: DataError | OSError) -> DataError:
    """Return why a recording cannot be read, its file named."""
    if isinstance(error, DataError):
        return error
    return DataError(f"{path}: cannot be read ({error.strerror or error}).")
