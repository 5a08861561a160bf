"""Small recordings in the official layouts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from spikeformers.data import Watch
from spikeformers.data.events.array import Events, Sensor, make_events
from tests.data.recordings.writers.aedat2 import write_aedat2
from tests.data.recordings.writers.forty_bit import write_forty_bit


def drawn(number: int, sensor: Sensor, count: int = 40) -> Events:
    """Events in the order of time, others for each number."""
    random = np.random.default_rng(number)
    t = np.sort(random.integers(0, 300_000, count))
    x, y = random.integers(0, sensor.width, count), random.integers(0, sensor.height, count)
    return make_events(t, x, y, random.integers(0, sensor.polarities, count))


def write_nmnist(root: Path, names: Iterable[str]) -> dict[str, Events]:
    """Write `Train/3/00007.bin` and the like; the events of each are returned."""
    return _write(root, names, Sensor(34, 34), write_forty_bit)


def write_cifar10dvs(root: Path, names: Iterable[str]) -> dict[str, Events]:
    """Write `cat/cifar10_cat_12.aedat` and the like."""
    return _write(root, names, Sensor(128, 128), write_aedat2)


def write_ncaltech101(root: Path, names: Iterable[str]) -> dict[str, Events]:
    """Write `accordion/image_0001.bin` and the like; none is as large as the largest."""
    return _write(root, names, Sensor(150, 120), write_forty_bit)


def _write(root: Path, names: Iterable[str], sensor: Sensor, write: object) -> dict[str, Events]:
    assert callable(write)
    written = {}
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        written[name] = drawn(number, sensor, 20 + number % 50)
        write(root / name, written[name])
    return written


class Heard:
    """What a watch was told."""

    def __init__(self) -> None:
        self.progress: list[tuple[str, int, int]] = []
        self.notes: list[str] = []

    def watch(self) -> Watch:
        return Watch(progress=lambda *step: self.progress.append(step), note=self.notes.append)
