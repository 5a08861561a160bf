"""Attention, drawn: the maps over the pictures they belong to, in multiples of their mean."""

from __future__ import annotations

import numpy as np
import pytest

from spikeformers.report.figures import attention
from spikeformers.report.figures.attention import attention_by_step, attention_over_inputs
from tests.report.drawn import check_texts, texts
from tests.report.figures import made


def words_of(figure) -> str:
    return " ".join(" ".join(text for text, _ in texts(figure)).split())


def pictures(figure):
    """The pictures of each panel, the colour scale left out: what is drawn and what is laid over it."""
    return [[image.get_array() for image in axes.images] for axes in figure.axes if axes.images]


@pytest.mark.parametrize(("attentions", "channels"), [(1, 3), (2, 1), (12, 2)])
def test_no_text_overlaps_another_or_leaves_the_page(attentions: int, channels: int) -> None:
    maps = [made.attention_map(index) for index in range(attentions)]
    figure = attention_over_inputs(made.images(channels=channels), maps, "test images of digits")
    check_texts(figure)
    assert "Inputs: test images of digits." in words_of(figure)
    assert ("8 of 12 attentions" in words_of(figure)) == (attentions == 12)


@pytest.mark.parametrize(("steps", "over"), [(1, "space"), (4, "time"), (16, "space and time")])
def test_no_text_overlaps_step_by_step(steps: int, over: str) -> None:
    maps = [made.attention_map(index, steps=steps, over=over) for index in range(3)]
    figure = attention_by_step(made.images()[1], maps, 1, "a test image of digits")
    check_texts(figure)
    shown = [int(text.split()[1]) for text, _ in texts(figure) if text.startswith("step ")]
    assert len(shown) == min(steps, attention.STEPS)
    assert (shown[0], shown[-1]) == (1, steps)
    assert shown == sorted(set(shown))


def test_a_row_is_an_input_and_a_column_an_attention() -> None:
    maps, images = [made.attention_map(index) for index in range(2)], made.images()
    panels = pictures(attention_over_inputs(images, maps))
    assert len(panels) == 2 * 3
    for row in range(2):
        shown, *overs = panels[3 * row : 3 * row + 3]
        assert len(shown) == 1
        assert np.array_equal(shown[0], images[row, 0])
        for each, (below, over) in zip(maps, overs, strict=True):
            total = each.values[row].sum(0)
            np.testing.assert_allclose(over, total / total.mean())
            # Paler, but the same picture as ink on paper.
            np.testing.assert_allclose(255 - below, attention.PALE * images[row, 0])


def test_a_colour_picture_stays_one_and_is_grey_below_the_attention() -> None:
    images = made.images(channels=3)
    shown, (below, _) = pictures(attention_over_inputs(images, [made.attention_map()]))[:2]
    assert np.array_equal(shown[0], images[0].transpose(1, 2, 0))
    np.testing.assert_allclose(255 - below, attention.PALE * (255 - images[0].mean(0)))


def test_a_map_covers_the_whole_picture() -> None:
    figure = attention_over_inputs(made.images(), [made.attention_map()])
    below, over = next(axes.images for axes in figure.axes if len(axes.images) == 2)
    assert tuple(below.get_extent()) == tuple(over.get_extent()) == (-0.5, 15.5, 7.5, -0.5)


def test_steps_are_relative_to_what_they_compete_with() -> None:
    maps = [made.attention_map(index, over=over) for index, over in enumerate(("time", "space"))]
    panels = pictures(attention_by_step(made.images()[1], maps, 1))
    for row, each in enumerate(maps):
        values = each.values[1]
        expected = values / values.mean(0) if each.over == "time" else values / values.mean((1, 2), keepdims=True)
        for (_, over), now in zip(panels[4 * row + 1 : 4 * row + 4], expected, strict=True):
            np.testing.assert_allclose(over, now)


def test_attention_over_time_has_no_places_that_compete() -> None:
    maps = [made.attention_map(0, over="time"), made.attention_map(1)]
    figure = attention_over_inputs(made.images(), maps)
    assert len(pictures(figure)) == 2 * 2
    assert "Left out: 1 over time alone" in words_of(figure)
    assert "blocks.0" not in words_of(figure)


def test_nothing_attended_is_said() -> None:
    silent = made.attention_map()
    silent.values[0] = 0
    shown = [text for text, _ in texts(attention_over_inputs(made.images(), [silent]))]
    assert shown.count("nothing") == 1


def test_the_scale_says_what_one_is() -> None:
    maps = [made.attention_map(index, over=over) for index, over in enumerate(("time", "space"))]
    words = words_of(attention_by_step(made.images()[0], maps))
    assert "Orange, over time: the weight over time." in words
    assert "Orange, over space: the weight over space." in words
    assert "1 on the scale is the mean over the time steps of a place, or over all positions." in words
    assert "times the mean" in words
