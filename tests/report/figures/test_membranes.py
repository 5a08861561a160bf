"""Membrane histograms: heights are shares, colours say what fires, and a bin that dwarfs the others is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex

from spikeformers.measure import FiringStatistics, Histogram
from spikeformers.report.figures import membranes
from spikeformers.report.figures.membranes import membrane_histograms
from tests.report.drawn import check_texts, texts
from tests.report.figures import made


def words_of(figure) -> str:
    return " ".join(" ".join(text for text, _ in texts(figure)).split())


@pytest.mark.parametrize(("layers", "values"), [(1, "binary"), (7, "ternary"), (7, "integer up to 4"), (45, "binary")])
def test_no_text_overlaps_another_or_leaves_the_page(layers: int, values: str) -> None:
    figure = membrane_histograms(made.statistics(layers, values=values), "all 10,000 test images of cifar10")
    check_texts(figure)
    assert "all 10,000 test images of cifar10" in words_of(figure)
    assert (f"{membranes.MOST} of 45 layers" in words_of(figure)) == (layers == 45)


@pytest.mark.parametrize(
    ("values", "lines", "fires"),
    [
        ("binary", [1], lambda middle: middle >= 1),
        ("ternary", [-1, 1], lambda middle: abs(middle) >= 1),
        ("integer up to 4", [0.5], lambda middle: middle >= 0.5),
    ],
)
def test_bars_are_shares_in_units_of_the_threshold(values: str, lines: list[float], fires) -> None:
    statistics = made.statistics(3, values=values)
    for axes, row in zip(membrane_histograms(statistics).axes, statistics.layers, strict=False):
        histogram = row.membrane
        assert histogram is not None
        resting, firing = axes.patches
        for steps, fired in ((resting, False), (firing, True)):
            heights, edges, _ = steps.get_data()
            assert edges == pytest.approx(np.array(histogram.edges) / 0.5)
            middles = (edges[:-1] + edges[1:]) / 2
            expected = [
                count * (fires(middle) == fired) for count, middle in zip(histogram.counts, middles, strict=True)
            ]
            assert heights * histogram.total == pytest.approx(expected)
            assert axes.get_ylim()[1] >= max(heights)
            assert to_hex(steps.get_facecolor()).upper() == (membranes.FIRING if fired else membranes.QUIETER)
        assert [line.get_xdata()[0] for line in axes.lines] == lines
        says = f"{row.rate:.2f} spikes" if values.startswith("integer") else f"{100 * row.rate:.1f} % fire"
        assert says in [text.get_text() for text in axes.texts]


def test_a_bin_that_dwarfs_all_others_is_cut_off_and_said() -> None:
    (row,) = made.statistics(1).layers
    assert row.membrane is not None
    counts = [10] * len(row.membrane.counts)
    counts[20] = 10 * (100 - (len(counts) - 1))
    tall = replace(row.membrane, counts=tuple(counts), below=0, above=0)
    axes = membrane_histograms(FiringStatistics(layers=(replace(row, membrane=tall),), samples=1, name="a")).axes[0]
    assert axes.get_ylim()[1] < max(steps.get_data().values.max() for steps in axes.patches)
    assert axes.get_ylim()[1] == pytest.approx(1.28 * membranes.CUT * 10 / tall.total)
    assert f"{100 * counts[20] / tall.total:.0f} % ↑ " in [text.get_text() for text in axes.texts]


def test_what_lies_outside_is_told() -> None:
    statistics = made.statistics(3)
    shares = [10 / row.membrane.total for row in statistics.layers if row.membrane is not None]
    assert f"Up to {100 * max(shares):.1f} % of a layer's potentials lie beyond" in words_of(
        membrane_histograms(statistics)
    )


def test_the_axis_reaches_what_is_worth_showing_and_the_threshold() -> None:
    (row,) = made.statistics(1).layers
    assert row.membrane is not None
    counts = [0] * len(row.membrane.counts)
    zero = row.membrane.edges.index(0.0)
    counts[zero - 2], counts[zero] = 5, 5
    narrow = Histogram(edges=row.membrane.edges, counts=tuple(counts), below=0, above=0)
    statistics = FiringStatistics(layers=(replace(row, membrane=narrow),), samples=1, name="a")
    assert membrane_histograms(statistics).axes[0].get_xlim() == (-0.5, 1.5)
    counts[zero - 16], counts[zero + 30] = 5, 5
    wide = replace(narrow, counts=tuple(counts))
    statistics = FiringStatistics(layers=(replace(row, membrane=wide),), samples=1, name="a")
    assert membrane_histograms(statistics).axes[0].get_xlim() == pytest.approx((-2, 31 / 8))


def test_layers_without_potentials_are_left_out_and_counted() -> None:
    mixed = (*made.statistics(2).layers, *made.statistics(3, values="real").layers)
    figure = membrane_histograms(FiringStatistics(layers=mixed, samples=1, name="a"))
    assert "3 layers have no potentials" in words_of(figure)
    none = membrane_histograms(made.statistics(3, values="real"))
    assert "3 layers have no potentials" in words_of(none)


def test_an_analog_neuron_resets() -> None:
    row = made.layer(0, values="real", membrane=made.histogram(0), v_threshold=0.5)
    figure = membrane_histograms(FiringStatistics(layers=(row,), samples=1, name="a"))
    histogram = row.membrane
    assert histogram is not None
    assert f"{100 * histogram.reaching(0.5) / histogram.total:.1f} % reset" in words_of(figure)
