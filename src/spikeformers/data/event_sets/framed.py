"""Recordings as a source of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
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
        frames, readable, refused = [], [], []
        for place, index in enumerate(indices.tolist()):
            try:
                frames.append(self.framing.frames(self.shelf.addressed(index), generator))
            except DataError as error:
                refused.append(str(error))
            else:
                readable.append(place)
        images = np.stack(frames) if frames else np.empty((0, self.framing.time_steps, *self.shape), dtype=np.float32)
        return with_stand_ins(torch.from_numpy(images), self.labels[indices], readable, refused)

    def at_evaluation(self) -> FramedRecordings:
        """Return the same recordings framed without random choices."""
        return replace(self, framing=self.framing.at_evaluation())
