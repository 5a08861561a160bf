"""Rasters, drawn: a dash for each spike, where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from spikeformers.report.figures import rasters as drawing
from spikeformers.report.figures.rasters import spike_rasters
from tests.report.drawn import check_texts, texts
from tests.report.figures import made


def words_of(figure) -> str:
    return " ".join(" ".join(text for text, _ in texts(figure)).split())


@pytest.mark.parametrize(
    ("layers", "steps", "values"),
    [(1, 1, "binary"), (7, 4, "ternary"), (7, 1, "integer up to 4"), (7, 4, "real"), (50, 16, "binary")],
)
def test_no_text_overlaps_another_or_leaves_the_page(layers: int, steps: int, values: str) -> None:
    rasters = [made.raster(index, steps=steps, values=values) for index in range(layers)]
    figure = spike_rasters(rasters, "a test image of digits")
    check_texts(figure)
    assert "a test image of digits" in words_of(figure)
    assert (f"{drawing.MOST} of 50 layers" in words_of(figure)) == (layers == 50)


@pytest.mark.parametrize("values", ["binary", "ternary", "integer up to 4"])
def test_every_spike_is_a_dash(values: str) -> None:
    raster = made.raster(3, steps=5, neurons=20, values=values)
    axes = spike_rasters([raster]).axes[0]
    dashes = axes.collections[0]
    assert isinstance(dashes, LineCollection)
    drawn = {}
    for (start, end), colour in zip(dashes.get_segments(), dashes.get_colors(), strict=True):
        assert start[1] == end[1]
        middle = (start[0] + end[0]) / 2
        drawn[round(middle) - 1, round(start[1])] = colour
        assert round(middle) - 0.5 < start[0] < end[0] < round(middle) + 0.5
    assert set(drawn) == set(zip(*(each.tolist() for each in np.nonzero(raster.spikes)), strict=True))
    for (step, neuron), colour in drawn.items():
        spikes = raster.spikes[step, neuron]
        assert to_hex(colour).upper() == (drawing.POSITIVE if spikes > 0 else drawing.NEGATIVE)
        assert colour[3] == pytest.approx(0.3 + 0.7 * abs(spikes) / abs(raster.spikes).max())
    assert axes.get_xlim() == (0.5, 5.5)
    assert axes.get_ylim() == (19.5, -0.5)
    share = np.count_nonzero(raster.spikes) / raster.spikes.size
    assert f"{100 * share:.0f} %" in words_of(axes.figure)


def test_a_silent_layer_is_empty() -> None:
    raster = made.raster()
    raster.spikes[:] = 0
    axes = spike_rasters([raster]).axes[0]
    assert len(axes.collections[0].get_segments()) == 0
    assert "0 %" in words_of(axes.figure)


def test_marks_are_explained_where_they_occur() -> None:
    said = {
        "binary": "",
        "ternary": "orange ones negative",
        "integer up to 4": "more spikes it stands for",
        "real": "have no spikes",
    }
    for values, words in said.items():
        shown = words_of(spike_rasters([made.raster(values=values)]))
        assert [other in shown for other in said.values() if other] == [other == words for other in said.values() if
                                                                        other]  # fmt: skip
