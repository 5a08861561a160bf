"""Point clouds: the events where they are, thinned evenly."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from spikeformers.data.events.array import Sensor, make_events, no_events
from spikeformers.report.figures import event_cloud as drawing
from spikeformers.report.figures.event_cloud import point_cloud
from spikeformers.report.style import save
from tests.data.frames.recordings import random_events
from tests.report.drawn import check_texts, texts


@pytest.mark.parametrize("sensor", [Sensor(34, 34), Sensor(1280, 720), Sensor(20, 240), Sensor(700, 1, 1)])
def test_no_text_overlaps_another_or_leaves_the_page(sensor: Sensor) -> None:
    events = random_events(0, 300, sensor, last=1_500_000)
    figure = point_cloud(events, sensor, "a test recording of nmnist")
    check_texts(figure)
    words = " ".join(" ".join(text for text, _ in texts(figure)).split())
    assert "Input: a test recording of nmnist." in words
    assert ("darker (OFF)" in words) == (sensor.polarities == 2)


def test_points_are_the_events_in_milliseconds_from_the_first() -> None:
    sensor = Sensor(34, 20)
    events = random_events(1, 200, sensor, last=90_000)
    events["t"] += 10**9
    points = point_cloud(events, sensor).axes[0].collections[0]
    t, x, y = (np.asarray(each) for each in points._offsets3d)
    np.testing.assert_allclose(t, (events["t"] - events["t"][0]) / 1000)
    assert np.array_equal(x, events["x"])
    assert np.array_equal(y, events["y"])
    inks = {to_hex(colour).upper() for colour in points._original_facecolor[events["p"] == 1]}
    assert inks == {drawing.ON}


def test_very_many_are_thinned_evenly_and_said_to_be() -> None:
    sensor = Sensor(34, 34)
    events = random_events(2, 2 * drawing.MOST + 1, sensor, last=10**6)
    figure = point_cloud(events, sensor)
    assert len(figure.axes[0].collections[0]._offsets3d[0]) == -(-len(events) // 3)
    assert any(f"one in 3 of {len(events):,}" in text for text, _ in texts(figure))


def test_an_ear_is_drawn_in_the_plane() -> None:
    sensor = Sensor(700, 1, 1)
    events = random_events(3, 50, sensor)
    axes = point_cloud(events, sensor).axes[0]
    assert axes.name == "rectilinear"
    assert np.array_equal(axes.collections[0].get_offsets()[:, 1], events["x"])


def test_no_events_are_an_empty_picture_and_files_repeat(tmp_path) -> None:
    sensor = Sensor(10, 10)
    for name, events in (("empty", no_events()), ("some", random_events(0, 99, sensor))):
        for kind in ("png", "svg"):
            contents = []
            for again in range(2):
                path = tmp_path / f"{name}{again}.{kind}"
                save(point_cloud(events, sensor), path)
                contents.append(path.read_bytes())
            assert contents[0] == contents[1]


def test_events_in_the_corners_of_the_box_are_drawn() -> None:
    sensor = Sensor(34, 34)
    corners = [(t, x, y) for x in (0, 33) for y in (0, 33) for t in (0, 300_000)]
    shown = []
    for t, x, y in corners:
        # The other end of time is there, too, but of the other colour.
        events = make_events([0, 300_000], [x, x], [y, y], [int(t == 0), int(t > 0)])
        figure = point_cloud(events, sensor)
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba()).astype(int)[len(figure.canvas.buffer_rgba()) // 8 :]
        shown.append(int((pixels[..., 2] - pixels[..., 0] > 60).sum()))  # blue ink below the legend
    assert min(shown) > 0.8 * max(shown)
