"""Simulated recordings of pictures and video: repeatable, each by itself, and as varied as they are told to be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from spikeformers.data import load_dataset, read_all
from spikeformers.data.events.array import Sensor, in_time_order
from spikeformers.data.simulate.changing import changed
from spikeformers.data.simulate.paths import ClosedLoop, Saccades, Stroke
from spikeformers.data.simulate.pixels import PixelModel
from spikeformers.data.simulate.scene import Scene, simulate_pictures, simulate_video
from spikeformers.data.simulate.scenes import NMNIST, scene_with
from spikeformers.data.simulate.screen import Screen
from spikeformers.errors import ConfigError, UnknownNameError

QUIET = PixelModel(threshold_spread=0.0)


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    return read_all(load_dataset("digits").test).images[:5, 0]


def test_a_recording_depends_on_its_picture_seed_and_index_only(digits: torch.Tensor) -> None:
    scene = replace(NMNIST, vary=0.1, screen=replace(NMNIST.screen, scale=3.0))
    together = simulate_pictures(digits, scene, [4, 8, 15, 16, 23], seed=1)
    (alone,) = simulate_pictures(digits[2:3], scene, [15], seed=1)
    assert len(alone) > 100
    assert (alone == together[2]).all()
    again = simulate_pictures(digits, scene, [4, 8, 15, 16, 23], seed=1)
    assert all((one == other).all() for one, other in zip(together, again, strict=True))
    (other,) = simulate_pictures(digits[2:3], scene, [15], seed=2)
    assert len(other) != len(alone) or (other != alone).any()
    assert all(in_time_order(events) and scene.sensor.holds(events).all() for events in together)


def test_the_leading_edge_of_a_bright_square_becomes_brighter() -> None:
    square = torch.zeros(1, 9, 9)
    square[:, 2:7, 2:7] = 1
    path = Saccades(strokes=(Stroke(x=8, y=0, start=0, duration=1e5),), x=-4, duration=1e5)
    scene = Scene(path=path, pixels=QUIET, screen=Screen(ground=40, ink=200), sensor=Sensor(25, 25))
    (events,) = simulate_pictures(square, scene, [0])
    (dark,) = simulate_pictures(square, replace(scene, screen=Screen(ground=200, ink=40)), [0])
    for seen, leading in ((events, 1), (dark, 0)):
        half = seen[(seen["t"] > 45e3) & (seen["t"] < 55e3)]
        ahead, behind = half["x"][half["p"] == leading].mean(), half["x"][half["p"] != leading].mean()
        assert ahead - behind == pytest.approx(5, abs=1)  # the square's width
    # What passes over a pixel leaves it as it was: as many events up as down. Where the square stands at the beginning
    # or the end they do not cancel, so only pixels in between are compared: 12 is passed by the whole square.
    passed = events[(events["x"] == 12) & (events["y"] == 12)]
    assert (passed["p"] == 1).sum() == (passed["p"] == 0).sum() == math.floor(math.log(200 / 40) / 0.2)


def test_variation_is_of_the_width_it_is_given() -> None:
    from spikeformers.data.simulate.scene import _varied

    drawn = np.array([_varied(Screen(), 0.1, np.random.default_rng(seed)).blur for seed in range(2000)])
    logs = np.log(drawn / Screen().blur)
    assert abs(logs.mean()) < 4 * 0.1 / math.sqrt(2000)
    assert abs(logs.std() - 0.1) < 4 * 0.1 / math.sqrt(4000)
    strokes = _varied(NMNIST.path, 0.1, np.random.default_rng(0)).strokes
    assert all(one.x != other.x for one, other in zip(strokes, NMNIST.path.strokes, strict=True))


def test_video_is_seen_frame_by_frame() -> None:
    """Each frame is e^0.5 brighter: two and a half thresholds each."""
    asked: list[int] = []

    def frames() -> Iterator[np.ndarray]:
        for number in range(4):
            asked.append(number)
            yield np.full((3, 5), 25 * math.exp(0.5 * number))

    seen = simulate_video(frames(), 50.0, QUIET)
    counts = []
    for number, events in enumerate(seen):
        assert asked[-1] == number  # no frame is read before it is needed
        counts.append(len(events) / 15)
        assert ((events["t"] > 20_000 * (number - 1)) & (events["t"] <= 20_000 * number)).all()
    assert counts == [0, 2, 3, 2]


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_impossible_frame_rates_are_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="Frames per second"):
        list(simulate_video([np.zeros((2, 2))] * 2, rate, QUIET))


def test_numbers_are_changed_by_name() -> None:
    scene = changed(scene_with("closed_loop"), {"path": {"radius": 7}, "vary": 0.5, "sensor": {"width": 50}})
    assert isinstance(scene.path, ClosedLoop)
    assert (scene.path.radius, scene.vary, scene.sensor) == (7.0, 0.5, Sensor(50, 34))
    assert scene.pixels == NMNIST.pixels


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"pixel": {}}, "Did you mean 'pixels'"),
        ({"screen": {"blurr": 1}}, "no screen.blurr in what is simulated. Did you mean 'blur'"),
        ({"screen": {"blur": "much"}}, "screen.blur cannot be set to 'much'"),
        ({"path": {"strokes": 3}}, "only numbers"),
        ({"pixels": {"leak_rate": -1}}, "leak_rate of the simulated pixels"),
        ({"frame_time": 0}, "frame_time"),
        ({"vary": 1.5}, "vary"),
        ({"path": {"duration": 0}}, "duration"),
        ({"path": {"x": float("nan")}}, "path.x is nan; it must be a finite number"),
        ({"sensor": {"width": 34.5}}, "sensor.width is 34.5; it must be a finite whole number"),
    ],
)
def test_wrong_words_are_told(words: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        changed(NMNIST, words)


def test_an_unknown_motion_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'saccades'"):
        scene_with("sacades")


def test_seeds_are_whole_numbers_from_0() -> None:
    with pytest.raises(ConfigError, match="seed"):
        simulate_pictures(torch.zeros(1, 4, 4), NMNIST, [0], seed=-1)
