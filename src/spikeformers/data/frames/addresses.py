"""Where in a frame an event belongs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import EVENT, Events, Sensor


def addresses(events: Events, sensor: Sensor) -> NDArray[np.int64]:
    """Return the place of each event, all on the sensor, in a flat frame `[P, H, W]`: (p H + y) W + x."""
    small = max(sensor.width, sensor.height) <= 1 << 8 and _pixels(sensor) <= 1 << 16
    if small and len(events) and events.dtype == EVENT and events.flags.c_contiguous:
        return _by_one_product(events, sensor)
    places = events["p"].astype(np.int64)
    places *= sensor.height
    places += events["y"]
    places *= sensor.width
    places += events["x"]
    return places


def step_addresses(events: Events, bounds: NDArray[np.int64], sensor: Sensor) -> NDArray[np.int64]:
    """Return the place of each event from bounds[0] to bounds[-1] - 1 in flat frames `[T, P, H, W]`."""
    borders, size = bounds.tolist(), _pixels(sensor)
    first, steps, each = borders[0], len(borders) - 1, borders[1] - borders[0]
    places = addresses(events[first : borders[-1]], sensor)
    if each and borders[:-1] == [*range(first, first + each * steps, each)]:
        # All have equally many, but maybe the last, as when cut by number: adding by rows takes a fraction of the time.
        rest = each * (steps - 1)
        places[:rest].reshape(-1, each)[:] += np.arange(0, size * (steps - 1), size)[:, None]
        places[rest:] += size * (steps - 1)
    else:
        places += np.repeat(np.arange(0, size * steps, size), np.diff(bounds))
    return places


def _pixels(sensor: Sensor) -> int:
    return sensor.polarities * sensor.height * sensor.width


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
