"""A survey tells what reading a whole recording tells, in one pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.events.array import Events, Sensor, make_events, no_events
from spikeformers.data.events.losses import Losses
from spikeformers.data.recordings.recording import read_whole
from spikeformers.data.recordings.survey import survey
from tests.data.frames.recordings import SENSOR, recordings


@dataclass
class Kept:
    """A recording in memory that comes in pieces."""

    events: Events
    pieces: int = 1
    sensor: Sensor | None = None
    lost: int = 0
    path: Path = field(default_factory=Path)

    def chunks(self, losses: Losses, *, start: int | None = None, stop: int | None = None) -> Iterator[Events]:
        losses.add("bytes at the end", self.lost)
        for part in np.array_split(self.events, self.pieces):
            kept = np.ones(len(part), dtype=bool)
            kept &= True if start is None else part["t"] >= start
            kept &= True if stop is None else part["t"] < stop
            yield part[kept]


@given(recordings(), st.integers(1, 5), st.randoms())
def test_is_what_the_whole_recording_says(events: Events, pieces: int, random) -> None:
    order = list(range(len(events)))
    random.shuffle(order)
    shuffled = Kept(events[order], pieces, SENSOR)
    found = survey(shuffled)
    assert (found.events, found.brighter) == (len(events), int((events["p"] == 1).sum()))
    losses = Losses()
    assert np.array_equal(np.sort(read_whole(shuffled, losses)["t"]), events["t"])
    assert found.late == losses.reasons.get("events out of time order (sorted)", 0)
    if len(events):
        assert (found.first, found.last) == (events["t"].min(), events["t"].max())
        assert (found.columns, found.rows) == (events["x"].max() + 1, events["y"].max() + 1)
        assert found.smallest == SENSOR
    else:
        assert (found.first, found.duration, found.rate, found.columns) == (None, 0.0, None, 0)


def test_a_part_its_rate_and_its_losses() -> None:
    events = make_events(t=np.arange(0, 2_000_000, 1000), x=3, y=1, p=1)
    found = survey(Kept(events, 3, lost=7), start=500_000, stop=1_501_000)
    assert (found.events, found.first, found.last) == (1001, 500_000, 1_500_000)
    assert found.duration == 1.0
    assert found.rate == pytest.approx(1001)
    assert found.losses == {"bytes at the end": 7}
    assert found.smallest == Sensor(4, 2)
    assert json.loads(json.dumps(found.to_dict()))["rate"] == found.rate


def test_a_single_event_has_no_rate() -> None:
    found = survey(Kept(make_events([5], 0, 0, 0)))
    assert (found.duration, found.rate) == (0.0, None)
    assert survey(Kept(no_events())).smallest == Sensor(1, 1)
