"""Random changes of events, before they become frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.augment.events import (
    ComposeEvents,
    EventAugment,
    EventDrop,
    EventFlip,
    PolarityFlip,
    SpatialJitter,
    TimeJitter,
)
from spikeformers.data.augment.events.drop import drop_area, drop_span
from spikeformers.data.events.array import EVENT, Events, Sensor, in_time_order, no_events
from spikeformers.errors import ConfigError
from tests.data.augment.pictures import seeded
from tests.data.frames.recordings import SENSOR, random_events, recordings

AUGMENTS: dict[str, EventAugment] = {
    "drop": EventDrop(),
    "flip": EventFlip(),
    "polarities": PolarityFlip(),
    "time": TimeJitter(5.0),
    "space": SpatialJitter(1.0),
    "chain": ComposeEvents((EventDrop(), TimeJitter(3.0), SpatialJitter(0.5), PolarityFlip(), EventFlip())),
}
PLAIN = random_events(0, 4000, Sensor(100, 80), last=10**6)


@given(recordings(), st.sampled_from(sorted(AUGMENTS)), st.integers(0, 10))
def test_what_comes_out_is_events_in_order_on_the_sensor(events: Events, name: str, seed: int) -> None:
    kept = events.copy()
    result = AUGMENTS[name](events, SENSOR, seeded(seed))
    assert result.dtype == EVENT
    assert in_time_order(result)
    assert SENSOR.holds(result).all()
    assert len(result) <= len(events)
    assert np.array_equal(events, kept)
    assert np.array_equal(AUGMENTS[name](events, SENSOR, seeded(seed)), result)


@pytest.mark.parametrize("name", sorted(AUGMENTS))
def test_nothing_stays_nothing(name: str) -> None:
    assert len(AUGMENTS[name](no_events(), SENSOR, seeded(0))) == 0


def test_a_span_of_time_is_dropped() -> None:
    dropped = drop_span(PLAIN, 0.3, begin=0.5)
    since = (PLAIN["t"] - PLAIN["t"][0]) / np.ptp(PLAIN["t"])
    assert np.array_equal(dropped, np.concatenate([PLAIN[since < 0.5], PLAIN[since >= 0.8]]))


def test_an_area_is_dropped() -> None:
    dropped = drop_area(PLAIN, Sensor(100, 80), 0.25, left=0.9, top=0.5)
    gone = (PLAIN["x"] >= 90) & (PLAIN["y"] >= 40) & (PLAIN["y"] < 60)
    assert np.array_equal(dropped, PLAIN[~gone])


def ways(probability: float) -> list[str]:
    """How the events of each of many draws were dropped, told by those that are missing."""
    sensor, found = Sensor(100, 80), []
    events = PLAIN.copy()
    events["t"] = np.arange(len(events)) * 100  # no two at one time: a time names an event
    for seed in range(240):
        gone = np.isin(events["t"], EventDrop(probability)(events, sensor, seeded(seed))["t"], invert=True)
        boxes = {word: (events[word] >= events[word][gone].min()) & (events[word] <= events[word][gone].max())
                 for word in ("t", "x", "y")} if gone.any() else {}  # fmt: skip
        if not gone.any():
            found.append("none")
        elif np.array_equal(gone, boxes["t"]):
            found.append("time")
        else:
            found.append("area" if np.array_equal(gone, boxes["x"] & boxes["y"]) else "random")
    return found


def test_event_drop_takes_every_way_as_often() -> None:
    drawn = ways(0.75)
    for way in ("none", "time", "area", "random"):
        # 60 of 240 expected, with a standard deviation of 7.
        assert abs(drawn.count(way) - 60) < 28, way
    assert set(ways(0.0)) == {"none"}


def test_time_jitter_moves_times_by_normal_noise() -> None:
    sensor = Sensor(100, 80)
    # Far apart, so that the order stays and every event finds its own time again.
    events = PLAIN.copy()
    events["t"] = np.arange(len(events)) * 1000
    noise = TimeJitter(50.0)(events, sensor, seeded(1))["t"] - events["t"]
    assert noise.std() == pytest.approx(50, rel=0.05)
    assert abs(noise.mean()) < 4
    close = TimeJitter(50.0)(PLAIN, sensor, seeded(1))
    assert in_time_order(close)
    assert not np.array_equal(close["x"], PLAIN["x"])  # order changes, and places go with their times


def test_spatial_jitter_moves_places_and_leaves_out_what_leaves() -> None:
    sensor = Sensor(100, 80)
    centre = PLAIN.copy()
    centre["x"], centre["y"] = 50, 40
    moved = SpatialJitter(2.0)(centre, sensor, seeded(2))
    assert len(moved) == len(PLAIN)
    for word, middle in (("x", 50), ("y", 40)):
        assert (moved[word].astype(int) - middle).std() == pytest.approx(np.sqrt(4 + 1 / 12), rel=0.05)  # and rounding
    corner = PLAIN.copy()
    corner["x"], corner["y"] = 0, 79
    # Each coordinate stays inside if its noise is not below half a pixel outwards: P(N > -0.25) = 0.5987 for sigma 2.
    assert len(SpatialJitter(2.0)(corner, sensor, seeded(3))) / len(PLAIN) == pytest.approx(0.5987**2, abs=0.03)


def test_flips_are_their_own_inverse_and_as_often_as_asked() -> None:
    sensor = Sensor(100, 80)
    mirrored = EventFlip(1.0)(PLAIN, sensor, seeded(0))
    assert np.array_equal(mirrored["x"], 99 - PLAIN["x"])
    assert np.array_equal(EventFlip(1.0)(mirrored, sensor, seeded(0)), PLAIN)
    exchanged = PolarityFlip(1.0)(PLAIN, sensor, seeded(0))
    assert np.array_equal(exchanged["p"] + PLAIN["p"], np.ones(len(PLAIN)))
    for flip in (EventFlip(0.3), PolarityFlip(0.3)):
        generator = seeded(4)
        times = sum(not np.array_equal(flip(PLAIN[:50], sensor, generator), PLAIN[:50]) for _ in range(1000))
        assert times / 1000 == pytest.approx(0.3, abs=0.06)
    alone = random_events(5, 10, Sensor(9, 1, polarities=1))
    assert np.array_equal(PolarityFlip(1.0)(alone, Sensor(9, 1, polarities=1), torch.Generator()), alone)


def test_values_out_of_range_are_refused() -> None:
    for build in (EventDrop, EventFlip, PolarityFlip):
        with pytest.raises(ConfigError, match=r"probability is 1\.5"):
            build(1.5)
    for jitter in (TimeJitter, SpatialJitter):
        with pytest.raises(ConfigError, match="standard deviation is -1"):
            jitter(-1.0)
