"""Fitting the simulator to recordings by their statistics alone: no labels, and no pairs of recording and picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from simulated.material import simulated
from simulated.statistics import Statistics, distance, statistics
from spikeformers.data.simulate.scene import Scene
from spikeformers.errors import ConfigError

# Where a number stands in a scene, and the first step by which it is changed.
STROKE_STEPS = {"x": 0.5, "y": 0.5, "start": 8e3, "duration": 1e4, "rise": 0.4, "fall": 0.5}
STEPS: dict[tuple[str | int, ...], float] = {
    **{("path", "strokes", k, word): step for k in range(3) for word, step in STROKE_STEPS.items()},
    ("path", "x"): 0.4,
    ("path", "y"): 0.4,
    ("screen", "scale"): 0.04,
    ("screen", "blur"): 0.15,
    ("screen", "ink"): 15.0,
    ("pixels", "threshold_on"): 0.03,
    ("pixels", "threshold_off"): 0.03,
    ("pixels", "threshold_spread"): 0.02,
    ("pixels", "refractory"): 600.0,
    ("pixels", "leak_rate"): 0.1,
    ("pixels", "shot_noise_rate"): 0.15,
    ("pixels", "bandwidth"): 30.0,
}
GROWTH, SHRINKAGE = 1.4, 0.6  # of a step that helped, and of one that did not


def fit(
    start: Scene, target: Statistics, pictures: Tensor, seconds: float, tell: Callable[[str], None], share: float = 1.0
) -> tuple[Scene, float]:
    """Return the scene whose recordings of `pictures` come nearest to `target`, found by a pattern search.

    One number at a time is moved up or down, in random order; the same random numbers are used for every trial.

    Args:
        share: of `STEPS`, by which the search begins.
    """
    generator, best = np.random.default_rng(0), start
    steps = {place: share * step for place, step in STEPS.items()}

    def far(scene: Scene) -> float:
        return distance(statistics(simulated(pictures, scene, range(len(pictures)))), target)["all"]

    least, began = far(best), time.monotonic()
    places = list(steps)
    while time.monotonic() - began < seconds:
        for place in (places[k] for k in generator.permutation(len(places))):
            for sign in generator.permutation([1.0, -1.0]):
                tried = _moved(best, place, float(sign) * steps[place])
                if tried is not None and (value := far(tried)) < least:
                    best, least = tried, value
                    steps[place] *= GROWTH
                    break
            else:
                steps[place] *= SHRINKAGE
        tell(f"distance {least:.4f} after {time.monotonic() - began:.0f} s")
    return best, least


def _moved(value: Any, place: tuple[str | int, ...], step: float) -> Any:
    """Return a scene with one number changed, or None where it would be out of its range."""
    if not place:
        return value + step
    first, rest = place[0], place[1:]
    inside = value[first] if isinstance(first, int) else getattr(value, first)
    try:
        changed = _moved(inside, rest, step)
        if changed is None:
            return None
        if isinstance(first, int):
            return (*value[:first], changed, *value[first + 1 :])
        return replace(value, **{first: changed})
    except ConfigError:
        return None
