"""Events by their addresses, and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Events, Sensor, make_events, no_events
from tests.data.frames.recordings import SENSOR, random_events, recordings

SIZES = [(256, 128, 2), (128, 256, 2), (256, 256, 1), (1, 1, 2), (3, 256, 2), (257, 2, 2), (346, 260, 2), (700, 1, 1)]
SENSORS = [Sensor(*size) for size in [*SIZES, (1 << 16, 1 << 16, 2)]]


@pytest.mark.parametrize("sensor", SENSORS)
def test_addresses_are_row_by_row_on_any_sensor(sensor: Sensor) -> None:
    events = random_events(0, 500, sensor)
    corner = make_events([-5, 1 << 50], sensor.width - 1, sensor.height - 1, sensor.polarities - 1)
    events = np.concatenate([events, corner])
    p, y, x = (events[word].astype(np.int64) for word in "pyx")
    expected = np.ravel_multi_index((p, y, x), sensor.shape)
    addressed = Addressed.of(events, sensor)
    assert np.array_equal(addressed.addresses, expected)
    assert np.array_equal(addressed.events(), events)
    assert np.array_equal(Addressed.of(events[::2], sensor).addresses, expected[::2])
    assert len(Addressed.of(no_events(), sensor)) == len(Addressed.of(no_events(), sensor).events()) == 0
    assert addressed.addresses.max() == sensor.size - 1


@given(recordings())
def test_records_come_back_from_unsigned_columns(events: Events) -> None:
    """The form of the cache: everything in 32 bits, times since the first event."""
    whole = Addressed.of(events, SENSOR)
    start = int(events["t"][0]) if len(events) else 0
    columns = [column.astype(np.uint32) for column in (whole.times - start, whole.addresses)]
    assert np.array_equal(Addressed(*columns, SENSOR, start).events(), events)
