"""Recordings that several samples are cut out of by time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spikeformers.data.event_sets.files import State
from spikeformers.data.event_sets.shelf import Reading, events_of, refusal
from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.opening import open_recording
from spikeformers.data.recordings.recording import in_order
from spikeformers.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A piece of a recording, start <= t < stop in microseconds of the recording's own clock.

    Attributes:
        number: of the piece in its file, from 1.
        state: of the file; its size is 0 where the piece is read together with the one before it.
    """

    file: str
    number: int
    label: int
    start: int
    stop: int
    state: State


@dataclass(frozen=True, eq=False)
class ClipShelf:
    """Pieces of the recordings `root / clip.file`; those of one file are cut out in one pass over it."""

    root: Path
    clips: Sequence[Clip]
    sensor: Sensor
    format: str | None = None

    @cached_property
    def names(self) -> Sequence[str]:
        # The file comes last, so that folds by the last number in a name keep all clips of a person together.
        return [f"{clip.number}/{clip.file}" for clip in self.clips]

    @cached_property
    def labels(self) -> Tensor:
        return torch.tensor([clip.label for clip in self.clips], dtype=torch.int64)

    @property
    def place(self) -> str:
        files = sorted({clip.file for clip in self.clips})
        return f"{self.root.resolve()} {self.format} {self.sensor} {files[0]} {files[-1]}"

    def identity(self, index: int) -> str:
        return repr(self.clips[index])

    def size(self, index: int) -> int:
        return self.clips[index].state.size

    def read(self, indices: Iterable[int]) -> Iterator[Reading[Events]]:
        """Read recordings; see `Originals.read`. What is lost while a file is read counts for its first clip."""
        for file, together in groupby(indices, key=lambda index: self.clips[index].file):
            yield from self._cut(self.root / file, list(together))

    def events(self, index: int) -> Events:
        return events_of(self, index)

    def addressed(self, index: int) -> Addressed:
        return Addressed.of(self.events(index), self.sensor)

    def _cut(self, path: Path, indices: list[int]) -> Iterator[Reading[Events]]:
        losses = Losses()
        parts: dict[int, list[Events]] = {index: [] for index in indices}
        try:
            self._collect(path, parts, losses)
        except (DataError, OSError) as error:
            yield from (Reading(index, refusal(path, error), Losses()) for index in indices)
            return
        for number, index in enumerate(indices):
            own = losses if number == 0 else Losses()
            yield Reading(index, in_order(parts[index], own), own)

    def _collect(self, path: Path, parts: dict[int, list[Events]], losses: Losses) -> None:
        clips = {index: self.clips[index] for index in parts}
        start, stop = min(clip.start for clip in clips.values()), max(clip.stop for clip in clips.values())
        recording = open_recording(path, format=self.format, sensor=self.sensor)
        for events in recording.chunks(losses, start=start, stop=stop):
            for index, clip in clips.items():
                inside = (events["t"] >= clip.start) & (events["t"] < clip.stop)
                if inside.any():
                    parts[index].append(np.ascontiguousarray(events[inside]))
