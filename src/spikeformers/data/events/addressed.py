"""Events as two columns: when, and where by a single number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import EVENT, Events, Sensor

Column = NDArray[np.uint32] | NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Addressed:
    """The events of a recording in the order of time, all on its sensor: the form of the cache, and that of frames.

    An address tells where in a flat frame `[P, H, W]` an event is counted, so that neither x, y and p nor records of
    13 bytes are needed between the file and the frame.

    Attributes:
        times: microseconds since `start`, `[N]`.
        addresses: (p H + y) W + x, `[N]`.
        start: in microseconds on the recording's own clock.
    """

    times: Column
    addresses: Column
    sensor: Sensor
    start: int = 0

    @classmethod
    def of(cls, events: Events, sensor: Sensor) -> Addressed:
        """Return events, in the order of time and all on the sensor, in this form."""
        return cls(events["t"], _addresses(events, sensor), sensor)

    def events(self) -> Events:
        """Return the events as records."""
        events = np.empty(len(self.times), dtype=EVENT)
        lines, events["x"] = np.divmod(self.addresses, self.sensor.width)
        events["p"], events["y"] = np.divmod(lines, self.sensor.height)
        events["t"] = self.times
        events["t"] += self.start
        return events

    def __len__(self) -> int:
        return len(self.addresses)


def _addresses(events: Events, sensor: Sensor) -> NDArray[np.int64]:
    small = max(sensor.width, sensor.height) <= 1 << 8 and sensor.size <= 1 << 16
    if small and len(events) and events.dtype == EVENT and events.flags.c_contiguous:
        return _by_one_product(events, sensor)
    addresses = events["p"].astype(np.int64)
    addresses *= sensor.height
    addresses += events["y"]
    addresses *= sensor.width
    addresses += events["x"]
    return addresses


def _by_one_product(events: Events, sensor: Sensor) -> NDArray[np.int64]:
    """Compute the addresses of a small sensor from the last eight bytes of every event at once.

    Reading x, y and p one by one out of records of 13 bytes takes most of the time that framing takes. Byte-swapped,
    the last eight bytes are a number whose bits 0 .. 7 are p, 16 .. 23 y and 32 .. 39 x (all others are the time's, or
    zero, x and y being below 256). Its product with 2^16 + W 2^32 + H W 2^48 has p H W + y W + x in bits 48 .. 63: what
    else falls there lies above bit 63, and what lies below bit 48 (at most p W + y, times 2^32) carries nothing over.
    """
    offset, stride = EVENT.itemsize - 8, EVENT.itemsize
    words = np.ndarray(len(events), dtype=">u8", buffer=events, offset=offset, strides=stride).astype(np.uint64)
    words &= np.uint64((1 << 40) - 1)
    factor = (1 << 16) + (sensor.width << 32) + (sensor.height * sensor.width << 48)
    words *= np.uint64(factor & ((1 << 64) - 1))
    words >>= np.uint64(48)
    return words.view(np.int64)
