"""The scenes that simulated data sets are made of."""

from __future__ import annotations

import math
from dataclasses import replace

from spikeformers.data.simulate.paths import DRIFTS, ClosedLoop, Drift, Saccades, Stroke
from spikeformers.data.simulate.pixels import PixelModel
from spikeformers.data.simulate.scene import Scene
from spikeformers.data.simulate.screen import Screen
from spikeformers.errors import UnknownNameError, suggest

# Fitted by a pattern search (benchmarks/sim_to_real.py --fit) to the statistics of 100 real recordings, those whose id
# ends in 0, without labels and without their pictures. The search began at values set by hand after the mean place of
# events over time in 1000 recordings, without labels, too. There the polarity that leads a movement is 0, as of digits
# darker than the ground; ink and ground count by their ratio only, and that in units of the thresholds.
FITTED_STROKES = (
    Stroke(x=2.17, y=5.51, start=0.4e3, duration=85.4e3, rise=2.51, fall=2.70),
    Stroke(x=3.61, y=-5.69, start=88.9e3, duration=136.7e3, rise=2.50, fall=4.31),
    Stroke(x=-5.62, y=0.02, start=224.0e3, duration=82.4e3, rise=1.60, fall=2.80),
)
NMNIST = Scene(
    path=Saccades(strokes=FITTED_STROKES, x=-2.95, y=-1.54),
    screen=Screen(scale=1.007, blur=0.57, ground=200.0, ink=46.9),
    pixels=PixelModel(
        threshold_on=0.200,
        threshold_off=0.181,
        threshold_spread=0.032,
        leak_rate=0.29,
        shot_noise_rate=0.11,
        bandwidth=229.0,
    ),
    # As in the fit.
    frame_time=4000.0,
)


def _unfitted_saccades(way: float = 4.0, angles: tuple[float, ...] = (240.0, 120.0, 30.0)) -> Saccades:
    """Return three saccades of 100 ms each by `way` pixels at `angles` (degrees, y down)."""
    strokes = tuple(
        Stroke(x=way * math.cos(math.radians(angle)), y=way * math.sin(math.radians(angle)), start=start, duration=1e5)
        for start, angle in zip((0.0, 1e5, 2e5), angles, strict=True)
    )
    return Saccades(strokes=strokes, duration=3e5)


# What one would take without having seen a recording: bright digits, the pixels' own defaults.
UNFITTED = Scene(path=_unfitted_saccades())

_SCENES = {
    "saccades": NMNIST,
    "saccades_unfitted": UNFITTED,
    "closed_loop": replace(NMNIST, path=ClosedLoop()),
    **{word: replace(NMNIST, path=Drift(word=word)) for word in DRIFTS},
}


def scene_with(motion: str) -> Scene:
    """Return the scene of a motion; all but the unfitted one have the screen and the pixels fitted to N-MNIST.

    Raises:
        UnknownNameError: there is no such motion.
    """
    if motion not in _SCENES:
        raise UnknownNameError(
            f"There is no motion {motion!r}.{suggest(motion, _SCENES)} Known are: {', '.join(_SCENES)}."
        )
    return _SCENES[motion]
