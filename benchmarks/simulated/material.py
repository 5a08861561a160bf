"""The real recordings, and simulated ones of MNIST, as lists of events and as frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spikeformers.data import Images, load_dataset
from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.recordings.opening import read_events
from spikeformers.data.simulate.scene import Scene, simulate_pictures

SENSOR = Sensor(34, 34)
FRAMING = EventFraming(time_steps=6, image_size=(34, 34))
AT_ONCE = 64


@dataclass(frozen=True)
class Real:
    """Real recordings in the order of their ids; recording i is of MNIST's training picture i - 1."""

    ids: Tensor
    labels: Tensor
    events: list[Events]


def read_real(folder: Path) -> Real:
    """Read `Train/<digit>/<id>.bin`."""
    paths = sorted(folder.glob("Train/*/*.bin"), key=lambda path: int(path.stem))
    events = [read_events(path, sensor=SENSOR)[0] for path in paths]
    ids, labels = (
        [int(text) for text in texts] for texts in zip(*((p.stem, p.parent.name) for p in paths), strict=True)
    )
    return Real(torch.tensor(ids), torch.tensor(labels), events)


def read_mnist(folder: Path) -> tuple[Tensor, Tensor]:
    """Return MNIST's training pictures, uint8 `[60000, 28, 28]`, and labels."""
    train = load_dataset("mnist", folder).train
    assert isinstance(train, Images)
    return train.images[:, 0], train.labels


def simulated(pictures: Tensor, scene: Scene, ids: Sequence[int], seed: int = 0) -> Iterator[Events]:
    """Yield a simulated recording of each picture, `[N, 28, 28]`."""
    for first in range(0, len(pictures), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        yield from simulate_pictures(pictures[part], scene, ids[part], seed)


def frames_of(recordings: Iterator[Events] | list[Events]) -> Tensor:
    """Return counts of events over 6 time steps of equally many, `[N, 6, 2, 34, 34]`, at most 255 each, uint8."""
    frames = [FRAMING(events, SENSOR) for events in recordings]
    return torch.from_numpy(np.minimum(np.stack(frames), 255).astype(np.uint8))
