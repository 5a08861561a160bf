"""Recordings as a source of frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikeformers.data.event_sets.shelf import Shelf
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.sources import Pictures, with_stand_ins
from spikeformers.errors import DataError


@dataclass(frozen=True, eq=False)
class FramedRecordings:
    """A source that cuts each recording into frames when it is read.

    For an unreadable recording stands the next readable one of the same read (after the last comes the first); where
    none of a read is readable, none is returned. Either way they are named in `Pictures.unreadable`.
    """

    shelf: Shelf
    framing: EventFraming

    @property
    def labels(self) -> Tensor:
        return self.shelf.labels

    @property
    def names(self) -> Sequence[str]:
        return self.shelf.names

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.framing.shape(self.shelf.sensor)

    def __len__(self) -> int:
        return len(self.shelf.labels)

    def read(self, indices: Tensor, generator: torch.Generator | None = None) -> Pictures:
        """Return the recordings at `indices` (int64 `[B]`) as frames, float32 `[B, T, C, H, W]`."""
        frame = self.framing.frames
        shape = self.framing.time_steps, *self.shape
        return read_frames(indices, self.labels, shape, lambda at: frame(self.shelf.addressed(at), generator))

    def at_evaluation(self) -> FramedRecordings:
        """Return the same recordings framed without random choices."""
        return replace(self, framing=self.framing.at_evaluation())


def read_frames(
    indices: Tensor, labels: Tensor, shape: tuple[int, ...], frames_of: Callable[[int], NDArray[np.float32]]
) -> Pictures:
    """Return frames of the recordings at `indices` (int64 `[B]`); for an unreadable one stands the next readable one.

    Args:
        labels: of all recordings.
        shape: of the frames of one, (T, C, H, W).
        frames_of: index -> frames of that shape; raises a DataError where the recording cannot be read.
    """
    frames, readable, refused = [], [], []
    for place, index in enumerate(indices.tolist()):
        try:
            frames.append(frames_of(index))
        except DataError as error:
            refused.append(str(error))
        else:
            readable.append(place)
    images = np.stack(frames) if frames else np.empty((0, *shape), dtype=np.float32)
    return with_stand_ins(torch.from_numpy(images), labels[indices], readable, refused)
