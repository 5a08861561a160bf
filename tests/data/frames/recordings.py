"""Made-up recordings for tests of frames."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from spikeformers.data.events.array import Events, Sensor, make_events, no_events

SENSOR = Sensor(5, 4)


def random_events(seed: int, count: int, sensor: Sensor = SENSOR, last: int = 1000) -> Events:
    random = np.random.default_rng(seed)
    t = np.sort(random.integers(0, last + 1, count))
    x, y = random.integers(0, sensor.width, count), random.integers(0, sensor.height, count)
    return make_events(t, x, y, random.integers(0, sensor.polarities, count))


@st.composite
def recordings(draw: st.DrawFn, sensor: Sensor = SENSOR) -> Events:
    """Some events in order of time, often at equal times, and anywhere on the clock."""
    steps = draw(st.lists(st.integers(0, 7), max_size=40))
    if not steps:
        return no_events()
    t = draw(st.integers(-(10**6), 10**13)) + np.cumsum(steps)
    places = [draw(st.lists(st.integers(0, size - 1), min_size=len(t), max_size=len(t)))
              for size in (sensor.width, sensor.height, sensor.polarities)]  # fmt: skip
    return make_events(t, *places)


def real_recordings() -> list[Path]:
    """A few real recordings, or a skip where there are none."""
    root = os.environ.get("SPIKEFORMERS_DATA")
    found = [] if root is None else [
        *sorted(Path(root).glob("nmnist/Train/*/*.bin"))[::97],
        *sorted(Path(root).glob("dvs_gesture_clips/*.bin"))[:2],
    ]  # fmt: skip
    if not found:
        pytest.skip("SPIKEFORMERS_DATA names no directory with nmnist/ or dvs_gesture_clips/")
    return found
