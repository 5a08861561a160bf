"""Ways of pictures: where they begin, end and are fastest."""

from __future__ import annotations

import numpy as np
import pytest

from spikeformers.data.simulate.paths import DRIFTS, ClosedLoop, Drift, Saccades, Stroke
from spikeformers.data.simulate.scenes import NMNIST
from spikeformers.errors import ConfigError


def random() -> np.random.Generator:
    return np.random.default_rng(3)


def test_strokes_start_and_end_at_rest_and_reach_their_end() -> None:
    stroke = Stroke(x=4, y=-3, start=2e4, duration=1e5)
    times = np.linspace(0, 2e5, 20_001)
    share = stroke.share(times)
    assert (share[times <= 2e4] == 0).all()
    assert (share[times >= 1.2e5] == 1).all()
    speed = np.gradient(share, times)
    assert (speed >= 0).all()
    assert speed[np.searchsorted(times, 2e4) + 1] < 0.01 * speed.max()
    assert speed[np.searchsorted(times, 1.2e5) - 1] < 0.01 * speed.max()


def test_rise_and_fall_say_when_a_stroke_is_fastest() -> None:
    times = np.linspace(0, 1, 2001)
    peak = {
        (rise, fall): times[
            np.gradient(Stroke(x=1, y=0, start=0, duration=1, rise=rise, fall=fall).share(times)).argmax()
        ]
        for rise, fall in ((2, 6), (2, 3), (4, 2))
    }
    # The mode of Kumaraswamy's distribution.
    for (rise, fall), where in peak.items():
        assert where == pytest.approx(((rise - 1) / (rise * fall - 1)) ** (1 / rise), abs=1e-3)


def test_saccades_end_where_all_strokes_lead() -> None:
    path = Saccades(strokes=(Stroke(x=1, y=2, start=0, duration=1e5), Stroke(x=-3, y=1, start=1e5, duration=1e5)), x=5)
    poses = path.poses(np.array([0.0, 1e5, 3e5]), random())
    np.testing.assert_allclose(poses.x, [5, 6, 3])
    np.testing.assert_allclose(poses.y, [0, 2, 3])
    np.testing.assert_allclose(poses.size, 1)


def test_the_saccades_of_nmnist_are_a_triangle() -> None:
    """Three ways that lead back to the beginning, to about a pixel."""
    times = np.array([0.0, 308e3])
    poses = NMNIST.path.poses(times, random())
    assert np.hypot(poses.x[1] - poses.x[0], poses.y[1] - poses.y[0]) < 1.0


def test_a_closed_loop_is_closed_and_smooth() -> None:
    path = ClosedLoop(radius=3, loops=2, duration=1e6)
    times = np.linspace(0, 1e6, 2001)
    poses = path.poses(times, random())
    np.testing.assert_allclose(np.hypot(poses.x, poses.y), 3)
    np.testing.assert_allclose([poses.x[0], poses.y[0]], [poses.x[1000], poses.y[1000]], atol=1e-9)
    speed = np.hypot(np.diff(poses.x), np.diff(poses.y))
    np.testing.assert_allclose(speed, 2 * 2 * np.pi * 3 / 2000, rtol=1e-4)


@pytest.mark.parametrize("word", DRIFTS)
def test_drifts_differ_in_what_their_word_says_only(word: str) -> None:
    """Beside its opposite with the same random numbers a drift is twice its way ahead at the end, and even half-way."""
    opposite = dict(
        zip(DRIFTS, ["right", "left", "down", "up", *list(DRIFTS)[5:3:-1], *list(DRIFTS)[7:5:-1]], strict=True)
    )
    times = np.linspace(0, 600e3, 601)
    one, other = (Drift(word=each).poses(times, random()) for each in (word, opposite[word]))
    ahead = {
        "x": one.x - other.x,
        "y": one.y - other.y,
        "angle": one.angle - other.angle,
        "size": np.log(one.size / other.size),
    }
    moved, way = {
        "left": ("x", -6), "right": ("x", 6), "up": ("y", -6), "down": ("y", 6),
        "clockwise": ("angle", 1.6), "anticlockwise": ("angle", -1.6),
        "nearer": ("size", 0.35), "farther": ("size", -0.35),
    }[word]  # fmt: skip
    for name, by in ahead.items():
        assert by[300] == pytest.approx(0, abs=1e-9)
        assert by[-1] - by[0] == pytest.approx(2 * way if name == moved else 0, abs=1e-9)


def test_the_tremor_of_a_drift_is_as_wide_as_it_is_said_to_be() -> None:
    times = np.linspace(0, 600e3, 6001)
    poses = Drift(word="up", way=6.0, turn=0.6, growth=0.3, tremor=2.0).poses(times, random())
    # Up moves y only: of the others all is tremor, of 2 / 6 of their ways.
    for values, way in ((poses.x, 6.0), (poses.angle, 0.6), (np.log(poses.size), 0.3)):
        assert np.ptp(values) == pytest.approx(2 * 2.0 / 6 * way, rel=1e-3)


def test_an_unknown_drift_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'nearer'"):
        Drift(word="neare")
