"""Frames beside SpikingJelly's, which the papers used; skipped where it is not installed."""

from __future__ import annotations

import numpy as np
import pytest

from spikeformers.data.events.array import Events, Sensor
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.recordings.opening import read_events
from tests.data.frames.recordings import random_events, real_recordings
from tests.oracles import library

SENSOR = Sensor(128, 128)


def assert_equal_frames(events: Events, steps: int) -> None:
    peer = library("spikingjelly.datasets")
    columns = {word: events[word] for word in "txyp"}
    for split_by in ("number", "time"):
        theirs = peer.integrate_events_by_fixed_frames_number(columns, split_by, steps, 128, 128)
        framing = EventFraming(time_steps=steps, image_size=(128, 128), split_by=split_by)
        assert np.array_equal(framing(events, SENSOR), theirs)


@pytest.mark.parametrize("steps", [1, 3, 16])
def test_frames_of_made_up_recordings_are_spikingjellys(steps: int) -> None:
    assert_equal_frames(random_events(0, 5001, SENSOR, last=10**6), steps)


@pytest.mark.parametrize("steps", [4, 10, 16])
def test_frames_of_real_recordings_are_spikingjellys(steps: int) -> None:
    for path in real_recordings():
        assert_equal_frames(read_events(path, format="40bit", sensor=SENSOR)[0], steps)
