"""The whole plan: representation, cut, size, polarities, augmentation."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from spikeformers.data.augment.events import EventDrop, SpatialJitter
from spikeformers.data.events.addressed import Addressed
from spikeformers.data.events.array import Events, Sensor, make_events
from spikeformers.data.frames.counts import count_frames
from spikeformers.data.frames.event_framing import EventFraming
from spikeformers.data.frames.slicing import by_number, by_time
from spikeformers.data.frames.time_surface import time_surface
from spikeformers.data.frames.voxels import voxel_grid
from spikeformers.errors import ConfigError
from tests.data.frames.recordings import SENSOR, random_events, recordings

EVENTS = random_events(1, 200)
PLAIN: dict[str, Any] = {"time_steps": 3, "image_size": (4, 5)}
WAYS: list[dict[str, Any]] = [
    {},
    {"split_by": "time", "representation": "binary"},
    {"split_by": "duration", "window": 1 << 31},
    {"split_by": "time", "representation": "voxels", "merge_polarities": True},
    {"representation": "time_surface", "image_size": (2, 3), "resize": "merge"},
    {"image_size": (6, 3), "resize": "centre"},
    {"augment": SpatialJitter(1.0), "image_size": (2, 3)},
]


def test_every_word_reaches_the_frames() -> None:
    def framed(**words: Any) -> np.ndarray:
        framing = EventFraming(**{**PLAIN, **words})
        frames = framing(EVENTS, SENSOR)
        assert (frames.shape[1:], frames.dtype) == (framing.shape(SENSOR), np.float32)
        return frames

    counts = count_frames(Addressed.of(EVENTS, SENSOR), by_number(EVENTS["t"], 3))
    assert np.array_equal(framed(), counts)
    assert np.array_equal(framed(representation="binary"), counts > 0)
    assert np.array_equal(framed(split_by="time"), count_frames(Addressed.of(EVENTS, SENSOR), by_time(EVENTS["t"], 3)))
    assert np.array_equal(framed(representation="voxels", split_by="time"), voxel_grid(Addressed.of(EVENTS, SENSOR), 3))
    surface = time_surface(Addressed.of(EVENTS, SENSOR), by_number(EVENTS["t"], 3), 70.0)
    assert np.array_equal(framed(representation="time_surface", surface_tau=70.0), surface)
    early = EVENTS[EVENTS["t"] < EVENTS["t"][0] + 300]
    assert framed(split_by="duration", window=100).sum() == len(early) < len(EVENTS)
    assert np.array_equal(framed(merge_polarities=True), counts.sum(1, keepdims=True))


@pytest.mark.parametrize("size", [(2, 3), (9, 7), (4, 6)])
@pytest.mark.parametrize("antialias", [False, True])
def test_frames_are_resized_bilinearly(size: tuple[int, int], antialias: bool) -> None:
    framing = EventFraming(time_steps=3, image_size=size, resize="antialias" if antialias else "bilinear")
    counts = torch.from_numpy(count_frames(Addressed.of(EVENTS, SENSOR), by_number(EVENTS["t"], 3)))
    expected = F.interpolate(counts, size, mode="bilinear", antialias=antialias)
    assert np.array_equal(framing(EVENTS, SENSOR), expected.numpy())


def test_halving_without_antialiasing_is_the_mean_of_four_pixels() -> None:
    """Bilinear sampling at the corner that four pixels share; the antialiasing filter reaches further."""
    sensor = Sensor(8, 8)
    events = random_events(2, 400, sensor)
    counts = count_frames(Addressed.of(events, sensor), by_number(events["t"], 2))
    means = counts.reshape(2, 2, 4, 2, 4, 2).mean((3, 5))
    framing = EventFraming(time_steps=2, image_size=(4, 4))
    np.testing.assert_allclose(framing(events, sensor), means, rtol=1e-6)
    smooth = EventFraming(time_steps=2, image_size=(4, 4), resize="antialias")(events, sensor)
    assert np.abs(smooth - means).max() > 0.1


@given(recordings(Sensor(6, 4)))
def test_merging_adds_pixels_up(events: Events) -> None:
    sensor = Sensor(6, 4)
    framing = EventFraming(time_steps=2, image_size=(2, 2), resize="merge")
    counts = count_frames(Addressed.of(events, sensor), by_number(events["t"], 2))
    assert np.array_equal(framing(events, sensor), counts.reshape(2, 2, 2, 2, 2, 3).sum((3, 5)))


@pytest.mark.parametrize(("height", "width"), [(8, 9), (2, 3), (8, 2), (5, 6)])
def test_centring_pads_or_cuts_around_the_middle(height: int, width: int) -> None:
    framed = EventFraming(time_steps=3, image_size=(height, width), resize="centre")(EVENTS, SENSOR)
    counts = torch.from_numpy(count_frames(Addressed.of(EVENTS, SENSOR), by_number(EVENTS["t"], 3)))
    top, left = (height - 4) // 2, (width - 5) // 2
    padded = F.pad(counts, (left, width - 5 - left, top, height - 4 - top))  # negative padding cuts
    if height >= 4 and width >= 5:
        assert np.array_equal(framed, padded.numpy())
    assert framed.shape == padded.shape
    # What is cut off is left out before the events are cut into steps, so that only the sum is the same.
    assert np.array_equal(framed.sum(0), padded.sum(0).numpy())


def test_the_events_stay_as_they_were() -> None:
    kept = EVENTS.copy()
    for words in ({"merge_polarities": True}, {"image_size": (2, 5), "resize": "merge"},
                  {"image_size": (3, 3), "resize": "centre"}):  # fmt: skip
        EventFraming(**{**PLAIN, **words})(EVENTS, SENSOR)
        assert np.array_equal(EVENTS, kept)


def test_augmentation_is_drawn_from_the_generator_and_gone_at_evaluation() -> None:
    framing = EventFraming(**PLAIN, augment=EventDrop(1.0))
    first, again, other = (framing(EVENTS, SENSOR, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.sum() < len(EVENTS)
    with pytest.raises(ValueError, match=r"pass a torch\.Generator"):
        framing(EVENTS, SENSOR)
    assert framing.at_evaluation() == EventFraming(**PLAIN)
    assert pickle.loads(pickle.dumps(framing)) == framing


def test_a_cochlea_is_framed_like_a_camera() -> None:
    sensor = Sensor(700, 1, polarities=1)
    events = random_events(3, 999, sensor)
    framing = EventFraming(time_steps=10, image_size=(1, 140), split_by="time", resize="merge")
    assert framing(events, sensor).shape == (10, 1, 1, 140)
    assert framing(events, sensor).sum() == 999
    assert framing.shape(sensor) == (1, 1, 140)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"time_steps": 0}, "time_steps is 0"),
        ({"image_size": (4, 0)}, "height and width"),
        ({"representation": "count"}, "Did you mean 'counts'"),
        ({"split_by": "numbers"}, "Did you mean 'number'"),
        ({"resize": "bicubic"}, "no resize 'bicubic'"),
        ({"split_by": "duration"}, "window above 0"),
        ({"window": 5}, "leave window at 0"),
        ({"surface_tau": 0.0}, "surface_tau is 0"),
        ({"representation": "voxels"}, "Set split_by to 'time'"),
    ],
)
def test_words_that_mean_nothing_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EventFraming(**{**PLAIN, **words})


def test_pixels_that_cannot_be_merged_are_refused() -> None:
    with pytest.raises(ConfigError, match="whole parts of the sensor"):
        EventFraming(time_steps=1, image_size=(3, 5), resize="merge")(make_events([1], 0, 0, 0), SENSOR)


@given(recordings(Sensor(6, 4)), st.sampled_from(WAYS))
def test_frames_from_the_columns_of_the_cache_are_those_of_the_records(events: Events, words: dict[str, Any]) -> None:
    """Unsigned numbers of 32 bits, and times since the first event, which a representation must not wrap around."""
    sensor = Sensor(6, 4)
    framing = EventFraming(**{"time_steps": 3, "image_size": (4, 6), **words})
    whole = Addressed.of(events, sensor)
    start = int(events["t"][0]) if len(events) else 0
    kept = Addressed((events["t"] - start).astype(np.uint32), whole.addresses.astype(np.uint32), sensor, start)
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    assert np.array_equal(framing.frames(kept, generators[0]), framing(events, sensor, generators[1]))
