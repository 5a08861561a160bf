"""Event frames, drawn: which ink means what, and how much of it."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from spikeformers.report.figures import event_frames as drawing
from spikeformers.report.figures.event_frames import event_frames, event_pictures, strongest
from tests.report.drawn import check_texts, texts


def frames(steps: int = 4, channels: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(0.4, (steps, channels, 6, 9)).astype(np.float32)


@pytest.mark.parametrize(("steps", "rows", "labels"), [(1, 1, False), (4, 3, True), (16, 1, True), (20, 4, True)])
def test_no_text_overlaps_another_or_leaves_the_page(steps: int, rows: int, labels: bool) -> None:
    named = [f"'class {row}'" for row in range(rows)] if labels else []
    spans = [f"{100 * step} to {100 * step + 100} ms" for step in range(steps)]
    figure = event_frames([frames(steps)] * rows, named, spans=spans, on="test recordings of nmnist")
    check_texts(figure)
    words = [text for text, _ in texts(figure)]
    shown = [int(text.split()[1]) for text in words if text.startswith("step ")]
    assert (shown[0], shown[-1], len(shown)) == (1, steps, min(steps, drawing.STEPS))
    assert [text for text in words if text in spans] == [spans[step - 1] for step in shown]
    assert set(named) <= set(words)


def test_brighter_darker_and_both_have_inks_of_their_own() -> None:
    one = np.zeros((1, 2, 2, 2), dtype=np.float32)
    one[0, 1, 0, 0] = 5  # p = 1: brighter
    one[0, 0, 0, 1] = 5
    one[0, :, 1, 0] = 5
    colours = event_pictures(one)[0].transpose(1, 2, 0) / 255
    on, off = np.array(to_rgb(drawing.ON)), np.array(to_rgb(drawing.OFF))
    for place, expected in (((0, 0), on), ((0, 1), off), ((1, 0), on * off), ((1, 1), np.ones(3))):
        np.testing.assert_allclose(colours[place], expected, atol=1 / 255)  # eight bits


def test_more_events_are_stronger_and_a_single_one_is_seen() -> None:
    row = np.zeros((1, 2, 1, 5), dtype=np.float32)
    row[0, 1, 0] = [0, 1, 2, 4, 9]
    blue = event_pictures(row, top=4.0)[0, 0, 0].astype(int)  # the red part of blue ink
    assert blue[0] == 255
    assert blue[0] - blue[1] > 60
    assert blue[1] > blue[2] > blue[3] == blue[4]


def test_one_channel_is_drawn_by_its_sign() -> None:
    signed = np.array([[[[2.0, -2.0, 0.0]]]], dtype=np.float32)
    two = np.zeros((1, 2, 1, 3), dtype=np.float32)
    two[0, 1, 0, 0] = two[0, 0, 0, 1] = 2
    assert np.array_equal(event_pictures(signed), event_pictures(two))


def test_full_strength_leaves_out_the_busiest_hundredth() -> None:
    many = np.zeros((1, 1, 1, 400), dtype=np.float32)
    many[..., :200] = np.repeat([1.0, 500.0], [199, 1])
    assert strongest(many) == pytest.approx(1.0)
    assert strongest(np.zeros((1, 1, 2, 2), dtype=np.float32)) == 1.0


def test_all_rows_have_one_scale() -> None:
    quiet, loud = frames(1), 20 * frames(1, seed=1)
    figure = event_frames([quiet, loud])
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert np.array_equal(
        shown[0], event_pictures(quiet, strongest(np.concatenate([quiet, loud])))[0].transpose(1, 2, 0)
    )
    assert not np.array_equal(shown[0], event_pictures(quiet)[0].transpose(1, 2, 0))
