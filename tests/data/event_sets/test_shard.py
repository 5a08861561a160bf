"""The file that keeps some recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeformers.data.event_sets.cache import shard
from spikeformers.data.event_sets.shelf import Reading
from spikeformers.data.events.array import Events, Sensor, make_events, no_events
from spikeformers.data.events.losses import Losses
from spikeformers.errors import DataError

SENSORS = [Sensor(34, 34), Sensor(700, 1, 1), Sensor(240, 180), Sensor(1 << 16, 1 << 15)]


def readings(parts: list[Events]) -> list[Reading[Events]]:
    return [Reading(index, events, Losses()) for index, events in enumerate(parts)]


@st.composite
def recordings(draw: st.DrawFn, sensor: Sensor) -> Events:
    longest = draw(st.sampled_from([1, 1000, (1 << 32) - 1, 1 << 32, 1 << 40]))
    begin = draw(st.integers(0, 1 << 50))
    times = sorted(draw(st.lists(st.integers(begin, begin + longest), max_size=20)))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    edges = [0, sensor.width - 1]
    x = [draw(st.sampled_from(edges)) if draw(st.booleans()) else int(random.integers(sensor.width)) for _ in times]
    y = random.integers(0, sensor.height, len(times))
    return make_events(
        np.array(times, dtype=np.int64),
        np.array(x, dtype=np.int64),
        y,
        random.integers(0, sensor.polarities, len(times)),
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data(), sensor=st.sampled_from(SENSORS))
def test_what_is_written_is_read(data: st.DataObject, sensor: Sensor, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("shards") / "a.events"
    parts = data.draw(st.lists(recordings(sensor), max_size=5))
    shard.write(path, sensor, readings(parts))
    opened = shard.read(path)
    assert opened.sensor == sensor
    for place, events in enumerate(parts):
        addressed = opened.addressed(place)
        assert not addressed.addresses.flags.owndata, "copied out of the file"
        np.testing.assert_array_equal(addressed.events(), events)


def test_losses_and_refusals_are_kept(tmp_path: Path) -> None:
    lost = Losses({"bytes too many": 3})
    events = make_events([5, 7], [1, 2], [0, 0], [0, 1])
    shard.write(
        tmp_path / "a",
        Sensor(4, 4),
        [Reading(8, no_events(), lost), Reading(9, DataError("9.bin: no"), lost), Reading(10, events, Losses())],
    )
    opened = shard.read(tmp_path / "a")
    assert opened.losses.reasons == {"bytes too many": 6}
    assert opened.refused == {1: "9.bin: no"}
    assert len(opened.addressed(0)) == 0
    np.testing.assert_array_equal(opened.addressed(2).events(), events)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    events = make_events(np.arange(50), random.integers(0, 9, 50), random.integers(0, 9, 50), 1)
    shard.write(tmp_path / "a", Sensor(9, 9), readings([events, events]))
    return tmp_path / "a"


@pytest.mark.parametrize("place", [400, 799])
def test_damaged_events_are_noticed_when_they_are_read(written: Path, place: int) -> None:
    content = bytearray(written.read_bytes())
    content[place] ^= 1
    written.write_bytes(content)
    opened = shard.read(written)
    assert len(opened.addressed(0)) == 50
    with pytest.raises(ValueError, match="checksum of its events"):
        opened.addressed(1)


@pytest.mark.parametrize("how", [800, 860, -100, -25, -20, -1, "half", "empty", "longer", "front"])
def test_a_damaged_table_is_noticed_when_it_is_opened(written: Path, how: int | str) -> None:
    content = bytearray(written.read_bytes())
    if isinstance(how, int):
        content[how] ^= 1
    else:
        content = {
            "half": content[: len(content) // 2],
            "empty": bytearray(),
            "longer": content + b".",
            "front": b"." + content,
        }[how]
    written.write_bytes(content)
    with pytest.raises(ValueError, match=r"checksum|length|short|empty"):
        shard.read(written)


def test_nothing_is_left_of_a_shard_that_could_not_be_finished(tmp_path: Path) -> None:
    def broken() -> object:
        yield from readings([make_events([1], [1], [1], [1])])
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        shard.write(tmp_path / "a", Sensor(4, 4), broken())  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
