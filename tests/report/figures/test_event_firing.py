"""A recording beside the firing of a network: the strip, and the GIF that plays it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from spikeformers.measure import FiringMap
from spikeformers.report.figures import event_firing as drawing
from spikeformers.report.figures.event_firing import firing_film, firing_strip
from spikeformers.report.figures.event_frames import event_pictures
from tests.report.drawn import check_texts, texts
from tests.report.figures.made import name


def frames(steps: int = 4) -> np.ndarray:
    return np.random.default_rng(0).poisson(0.4, (steps, 2, 8, 8)).astype(np.float32)


def maps(layers: int, steps: int = 4, side: int = 4) -> list[FiringMap]:
    generator = np.random.default_rng(1)
    return [
        FiringMap(
            name=name(index), call=0, values="binary", rate=generator.random((steps, side, side)).astype(np.float32)
        )
        for index in range(layers)
    ]


@pytest.mark.parametrize(("layers", "steps"), [(0, 4), (1, 1), (3, 4), (20, 16)])
def test_no_text_of_the_strip_overlaps(layers: int, steps: int) -> None:
    figure = firing_strip(frames(steps), maps(layers, steps), "a test recording of nmnist")
    check_texts(figure)
    words = " ".join(" ".join(text for text, _ in texts(figure)).split())
    assert ("8 of 20 layers, evenly spaced" in words) == (layers == 20)
    assert "Input: a test recording of nmnist." in words


def test_the_strip_shows_each_step_below_its_events() -> None:
    seen, layers = frames(3), maps(2, 3)
    shown = [axes.images[0].get_array() for axes in firing_strip(seen, layers).axes[: 3 * 3]]
    for step in range(3):
        assert np.array_equal(shown[step], event_pictures(seen)[step].transpose(1, 2, 0))
        for row, each in enumerate(layers, start=1):
            np.testing.assert_array_equal(shown[3 * row + step], each.rate[step])


def test_layers_without_places_are_left_out() -> None:
    flat = maps(3, side=1)
    assert len(firing_strip(frames(), [*flat, *maps(1)]).axes) == len(firing_strip(frames(), maps(1)).axes)


def played(film: bytes) -> list[np.ndarray]:
    pictures = []
    with Image.open(io.BytesIO(film)) as image:
        for step in range(image.n_frames):
            image.seek(step)
            pictures.append(np.asarray(image.convert("RGB")))
    return pictures


@pytest.mark.parametrize("layers", [0, 3])
def test_the_film_has_a_picture_for_each_time_step(layers: int) -> None:
    steps = 5
    seen = frames(steps)
    film = firing_film(seen, maps(layers, steps), "a recording")
    pictures = played(film)
    assert len(pictures) == steps
    assert all(not np.array_equal(one, pictures[0]) for one in pictures[1:])
    assert all((each[0, 0] == 255).all() for each in pictures)  # paper
    with Image.open(io.BytesIO(film)) as image:
        assert image.info["loop"] == 0
        assert image.info["duration"] == drawing.SLOW
    assert film == firing_film(seen, maps(layers, steps), "a recording")


def test_events_and_layers_of_a_step_are_on_its_picture() -> None:
    """Only one step has events, only another one spikes: their pictures are the ones that differ from all others."""
    seen, layers = np.zeros((4, 2, 8, 8), dtype=np.float32), maps(1)
    layers[0].rate[:] = 0
    seen[1, 1, 2:6, 2:6] = 3
    layers[0].rate[2] = 1
    # Below the title, which counts the steps.
    bodies = [each[40:] for each in played(firing_film(seen, layers))]
    left = round(0.45 * bodies[0].shape[1])
    different = [[bool((each[:, part] != bodies[0][:, part]).any()) for each in bodies] for part in
                 (slice(0, left), slice(left, None))]  # fmt: skip
    assert different == [[False, True, False, False], [False, False, True, False]]
