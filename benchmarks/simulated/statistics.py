"""What recordings are like on the whole, and how far two sets of them are from each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events

Array = NDArray[np.float64]
PARTS = 24
DURATION = 312e3  # microseconds
MOST = 11  # events of one polarity at one pixel; more count as these
GAPS = np.logspace(2.0, 5.5, 17)  # microseconds
WEIGHTS = {"maps": 1.0, "per_pixel": 3.0, "gaps": 1.5, "rates": 1.5}


@dataclass(frozen=True)
class Statistics:
    """Means over recordings.

    Attributes:
        counts: events of each recording by polarity, `[N, 2]`.
        maps: events by polarity, part of the time and pixel, `[2, PARTS, 34, 34]`.
        rates: by polarity and 5 ms, `[2, 64]`.
        per_pixel: pixels by polarity and number of events, `[2, MOST + 1]`.
        gaps: pairs of successive events at a pixel, by both polarities and time between, `[4, 16]`.
    """

    counts: Array
    maps: Array
    rates: Array
    per_pixel: Array
    gaps: Array


def statistics(recordings: Iterable[Events]) -> Statistics:
    """Return the statistics of recordings on 34 x 34 pixels."""
    each = [_of_one(events) for events in recordings]
    counts = np.stack([parts[0].sum((1, 2, 3)) for parts in each])
    return Statistics(counts, *(np.mean([parts[k] for parts in each], axis=0) for k in range(4)))


def distance(one: Statistics, other: Statistics) -> dict[str, float]:
    """Return the squared differences of square roots, as shares of `other`, by statistic; "all": their weighted sum."""
    parts = {}
    for word in WEIGHTS:
        a, b = getattr(one, word), getattr(other, word)
        parts[word] = float(((np.sqrt(a) - np.sqrt(b)) ** 2).sum() / b.sum())
    return {**parts, "all": sum(WEIGHTS[word] * share for word, share in parts.items())}


def _of_one(events: Events) -> tuple[Array, Array, Array, Array]:
    t, polarity = events["t"], events["p"].astype(np.int64)
    pixel = events["y"].astype(np.int64) * 34 + events["x"]
    part = np.minimum(t * PARTS // int(DURATION), PARTS - 1)
    maps = np.bincount((polarity * PARTS + part) * 1156 + pixel, minlength=2 * PARTS * 1156)
    rates = np.bincount(polarity * 64 + np.minimum(t // 5000, 63), minlength=128)
    numbers = np.minimum(np.bincount(polarity * 1156 + pixel, minlength=2312), MOST).reshape(2, -1)
    per_pixel = np.stack([np.bincount(row, minlength=MOST + 1) for row in numbers])
    order = np.lexsort((t, pixel))
    t, pixel, polarity = t[order], pixel[order], polarity[order]
    same = pixel[1:] == pixel[:-1]
    kinds = (2 * polarity[1:] + polarity[:-1])[same]
    spans = np.clip(np.digitize(np.diff(t)[same], GAPS) - 1, 0, 15)
    gaps = np.bincount(kinds * 16 + spans, minlength=64)
    shaped = maps.reshape(2, PARTS, 34, 34), rates.reshape(2, 64), per_pixel, gaps.reshape(4, 16)
    a, b, c, d = (values.astype(np.float64) for values in shaped)
    return a, b, c, d
