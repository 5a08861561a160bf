"""What one pixel of a simulated event camera does, after ESIM (Rebecq et al., 2018) and v2e (Hu et al., 2021)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeformers.errors import ConfigError

LINEAR_UNTIL = 20.0  # of 255: below, the logarithm goes over into a line through 0, as in v2e
LEAST_THRESHOLD = 0.01  # a pixel whose drawn threshold is lower would fire without end

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PixelModel:
    """Thresholds, delays and noise; the defaults are pixels without noise.

    Attributes:
        threshold_on, threshold_off: mean change of log intensity that makes an event, of either polarity.
        threshold_spread: standard deviation of the thresholds from pixel to pixel.
        refractory: microseconds after an event in which its pixel gives no other.
        leak_rate: events per second and pixel, all of polarity 1, without any change of light.
        shot_noise_rate: events per second and pixel, of either polarity alike, whatever the light does.
        bandwidth: cut-off in Hz of the first-order low-pass between light and comparison; 0: none.
    """

    threshold_on: float = 0.2
    threshold_off: float = 0.2
    threshold_spread: float = 0.03
    refractory: float = 0.0
    leak_rate: float = 0.0
    shot_noise_rate: float = 0.0
    bandwidth: float = 0.0

    def __post_init__(self) -> None:
        for word in ("threshold_on", "threshold_off"):
            _require(getattr(self, word) >= LEAST_THRESHOLD, word, getattr(self, word), f"at least {LEAST_THRESHOLD}")
        for word in ("threshold_spread", "refractory", "leak_rate", "shot_noise_rate", "bandwidth"):
            _require(getattr(self, word) >= 0, word, getattr(self, word), "0 or more")


def log_intensity(intensity: Array) -> Array:
    """Return the logarithm of intensities 0 .. 255, linear below `LINEAR_UNTIL`, where it meets the logarithm."""
    line = intensity * (math.log(LINEAR_UNTIL) / LINEAR_UNTIL)
    return np.where(intensity < LINEAR_UNTIL, line, np.log(np.maximum(intensity, LINEAR_UNTIL)))


def _require(holds: bool, word: str, given: float, expected: str) -> None:
    # `holds` is false for NaN, too; infinities are no parameters either.
    if not holds or math.isinf(given):
        raise ConfigError(f"{word} of the simulated pixels must be {expected} and finite, got {given}.")
