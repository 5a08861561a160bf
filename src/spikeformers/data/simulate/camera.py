"""A simulated event camera: it is shown frames, and says what changed between two of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikeformers.data.events.array import Events, make_events
from spikeformers.data.simulate.pixels import LEAST_THRESHOLD, Array, PixelModel, log_intensity

# A change of exactly k thresholds is k events, whatever the last bit of a float says.
ROUNDING = 1e-9

Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Time in microseconds, flat address (camera, y, x) and polarity of some events."""


class Cameras:
    """N cameras of one size, each with its own pixels and its own random numbers, that see N films at once.

    Between two frames the logarithm of the light goes linearly in time. A pixel compares it with what it was at its
    last event, and fires at each crossing of a threshold. Events in the refractory time are lost; noise is added.

    Args:
        models: of each camera's pixels.
        generators: one for each camera; what a camera sees depends on no other's.
        height, width: in pixels.
    """

    def __init__(
        self, models: Sequence[PixelModel], generators: Sequence[np.random.Generator], height: int, width: int
    ) -> None:
        self._generators, self._shape = generators, (len(models), height, width)
        self._on = self._thresholds([model.threshold_on for model in models], models)
        self._off = self._thresholds([model.threshold_off for model in models], models)
        self._leak = _column([model.leak_rate for model in models]) * self._on
        self._noise = [model.shot_noise_rate for model in models]
        self._bandwidth = _column([model.bandwidth for model in models])
        self._refractory = np.rint([model.refractory for model in models]).astype(np.int64)
        # Of a leak that has always been there, a pixel may be anywhere on its way to the next event.
        phases = np.stack([generator.random(self._shape[1:]) for generator in generators])
        self._change = phases * self._on * (self._leak > 0)  # of log intensity since the last event
        self._last = np.full(self._shape, np.iinfo(np.int64).min // 2).reshape(-1)  # time of each pixel's last event
        self._light: Array | None = None
        self._time = 0.0

    def see(self, frames: NDArray[np.generic], time: float) -> list[Events]:
        """Return each camera's events since the last frames, in the order of time; none for the first.

        Args:
            frames: intensities 0 .. 255, `[N, H, W]`.
            time: of these frames, microseconds; later than that of the last.
        """
        light = log_intensity(np.asarray(frames, dtype=np.float64))
        if self._light is None:
            self._light, self._time = light, time
            return [make_events([], [], [], []) for _ in self._generators]
        seconds = (time - self._time) / 1e6
        # The low-pass takes the new light as having been there since the last frame.
        passed = np.where(self._bandwidth > 0, -np.expm1(-2 * np.pi * self._bandwidth * seconds), 1.0)
        changed = passed * (light - self._light)
        self._light = self._light + changed
        found = self._crossings(changed + self._leak * seconds, time)
        if any(self._noise):
            found = _joined(found, self._noise_events(time, seconds))
        self._time = time
        return self._by_camera(self._outside_refractory(found))

    def _thresholds(self, means: Sequence[float], models: Sequence[PixelModel]) -> Array:
        drawn = [
            mean + model.threshold_spread * generator.standard_normal(self._shape[1:])
            for mean, model, generator in zip(means, models, self._generators, strict=True)
        ]
        return np.maximum(np.stack(drawn), LEAST_THRESHOLD)

    def _crossings(self, slope: Array, time: float) -> Found:
        """Let the log intensity change by `slope` until `time`; return where and when it crosses thresholds."""
        before = self._change
        after = before + slope
        threshold = np.where(after > 0, self._on, self._off)
        counts = np.floor(np.abs(after) / threshold + ROUNDING).astype(np.int64).reshape(-1)
        sign = np.sign(after)
        self._change = after - sign * counts.reshape(self._shape) * threshold
        (pixels,) = np.nonzero(counts)
        places = np.repeat(pixels, counts[pixels])
        firsts = np.cumsum(counts[pixels]) - counts[pixels]
        ordinal = np.arange(len(places)) - np.repeat(firsts, counts[pixels]) + 1
        levels = ordinal * (sign * threshold).reshape(-1)[places]
        share = (levels - before.reshape(-1)[places]) / slope.reshape(-1)[places]
        times = np.rint(self._time + np.clip(share, 0.0, 1.0) * (time - self._time)).astype(np.int64)
        return times, places, (sign.reshape(-1)[places] > 0).astype(np.int64)

    def _noise_events(self, time: float, seconds: float) -> Found:
        pixels = self._shape[1] * self._shape[2]
        times, places, polarities = [], [], []
        for camera, (rate, generator) in enumerate(zip(self._noise, self._generators, strict=True)):
            count = int(generator.poisson(rate * pixels * seconds)) if rate else 0
            drawn = generator.random((3, count))
            times.append(np.rint(self._time + drawn[0] * (time - self._time)).astype(np.int64))
            places.append(camera * pixels + (drawn[1] * pixels).astype(np.int64))
            polarities.append((drawn[2] < 0.5).astype(np.int64))
        return np.concatenate(times), np.concatenate(places), np.concatenate(polarities)

    def _outside_refractory(self, found: Found) -> Found:
        """Return the events without those that come too early after one that stays."""
        if not self._refractory.any():
            return found
        order = np.lexsort((found[0], found[1]))
        times, places, polarities = (values[order] for values in found)
        pause = self._refractory[places // (self._shape[1] * self._shape[2])]
        while len(times):
            same = np.r_[False, places[1:] == places[:-1]]
            previous = np.where(same, np.r_[times[:1], times[:-1]], self._last[places])
            early = times - previous < pause
            # Of a row of early events only the first is sure to be lost: what follows may be late enough without it.
            lost = early & ~(same & np.r_[False, early[:-1]])
            if not lost.any():
                break
            times, places, polarities, pause = (values[~lost] for values in (times, places, polarities, pause))
        np.maximum.at(self._last, places, times)
        return times, places, polarities

    def _by_camera(self, found: Found) -> list[Events]:
        times, places, polarities = found
        order = np.lexsort((places, times))
        cameras, y, x = np.unravel_index(places[order], self._shape)
        events = make_events(times[order], x, y, polarities[order])
        return [events[cameras == camera] for camera in range(self._shape[0])]


def _column(values: Sequence[float]) -> Array:
    return np.asarray(values, dtype=np.float64)[:, None, None]


def _joined(first: Found, second: Found) -> Found:
    times, places, polarities = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    return times, places, polarities
