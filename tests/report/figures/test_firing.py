"""Figures of firing: every number is the measured one, every text is readable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex

from spikeformers.report.figures import firing
from spikeformers.report.figures.firing import channel_rates, firing_heat_map, neuron_states
from spikeformers.report.style import GRID
from tests.report.drawn import check_texts, texts
from tests.report.figures import made


@pytest.mark.parametrize("draw", [firing_heat_map, neuron_states, channel_rates])
@pytest.mark.parametrize(
    "words",
    [
        {"layers": 1, "steps": 1},
        {"layers": 7, "steps": 4},
        {"layers": 50, "steps": 2},
        {"layers": 7, "steps": 16},
        {"layers": 7, "values": "integer up to 4"},
        {"layers": 7, "values": "real"},
    ],
    ids=str,
)
def test_no_text_overlaps_another_or_leaves_the_page(draw: Any, words: dict[str, Any]) -> None:
    figure = draw(made.statistics(**words), "all 10,000 test images of cifar10")
    check_texts(figure)
    note = " ".join(" ".join(text for text, _ in texts(figure)).split())
    assert "all 10,000 test images of cifar10" in note


@pytest.mark.parametrize("draw", [firing_heat_map, neuron_states, channel_rates])
def test_without_words_it_says_how_many_samples(draw: Any) -> None:
    assert "10 samples" in " ".join(text for text, _ in texts(draw(made.statistics())))


@pytest.mark.parametrize("layers", [3, 50])
@pytest.mark.parametrize(("values", "factor", "digits"), [("binary", 100, 1), ("integer up to 4", 1, 2)])
def test_a_heat_map_holds_every_rate(layers: int, values: str, factor: int, digits: int) -> None:
    statistics = made.statistics(layers, steps=3, values=values)
    figure = firing_heat_map(statistics)
    words = [text for text, _ in texts(figure)]
    meshes = [each for axes in figure.axes for each in axes.findobj(QuadMesh) if each.get_array().size <= layers]
    drawn = [rate for mesh in meshes for rate in np.ravel(mesh.get_array()).tolist()]
    expected = [rate for row in statistics.layers for rate in (*row.rate_by_step, row.rate)]
    assert sorted(drawn) == sorted(expected)
    for rate in expected:
        assert f"{factor * rate:.{digits}f}" in words
    assert [words.count(str(step)) >= 1 for step in (1, 2, 3)] == [True] * 3
    assert "all" in words


def test_layers_are_rows_from_the_first_to_the_last() -> None:
    statistics = made.statistics(50)
    figure = firing_heat_map(statistics)
    panels = [axes for axes in figure.axes if axes.get_yticklabels() and axes.get_xlabel() == "time step"]
    names = [label.get_text() for axes in panels for label in axes.get_yticklabels()]
    assert len(panels) == 2
    assert [name.removesuffix(".neuron") for name in names] == [
        row.name.removesuffix(".neuron") for row in statistics.layers
    ]
    for axes in panels:
        low, high = axes.get_ylim()
        assert low > high
        assert low == 25


def test_many_time_steps_are_colours_only() -> None:
    words = [text for text, _ in texts(firing_heat_map(made.statistics(2, steps=firing.STEPS + 1)))]
    assert not any(f"{100 * row.rate_by_step[0]:.1f}" in words for row in made.statistics(2, steps=13).layers)


def test_one_time_step_needs_no_mean() -> None:
    assert "all" not in [text for text, _ in texts(firing_heat_map(made.statistics(steps=1)))]


def test_layers_with_fewer_time_steps_leave_a_gap() -> None:
    statistics = made.statistics(1, steps=3)
    short = made.layer(1, steps=2)
    both = type(statistics)(layers=(*statistics.layers, short), samples=10, name="a")
    last = firing_heat_map(both).axes[0].collections[2].get_array()
    assert float(last[0, 0]) == statistics.layers[0].rate_by_step[2]
    assert np.ma.getmaskarray(last)[1, 0] or np.isnan(last[1, 0])


def test_real_outputs_are_told_from_spikes() -> None:
    words = " ".join(text for text, _ in texts(firing_heat_map(made.statistics(values="real"))))
    assert "no spikes" in words.replace("\n", " ")


def test_bars_are_the_shares_of_neurons() -> None:
    statistics = made.statistics(5)
    axes = neuron_states(statistics).axes[0]
    grey, dead, full = (
        [(bar.get_x(), bar.get_width(), to_hex(bar.get_facecolor())) for bar in bars] for bars in axes.containers
    )
    assert {(start, width, colour.upper()) for start, width, colour in grey} == {(0, 1, GRID)}
    assert [width for _, width, _ in dead] == [row.dead_neurons / 128 for row in statistics.layers]
    assert [width for _, width, _ in full] == [row.saturated_neurons / 128 for row in statistics.layers]
    assert all(start + width == pytest.approx(1) for start, width, _ in full)
    words = [text for text, _ in texts(axes.figure)]
    for row in statistics.layers:
        more = f", {row.saturated_neurons} always" if row.saturated_neurons else ""
        assert f"{row.dead_neurons} of 128{more}" in words


def test_spreads_are_the_quantiles_of_the_channels() -> None:
    statistics = made.statistics(4)
    axes = channel_rates(statistics).axes[0]
    whole, half = (each.get_segments() for each in axes.collections)
    (dots,) = axes.lines
    for place, row in enumerate(statistics.layers):
        rates = sorted(row.rate_by_channel)  # eight
        quarters = [rates[1] + 0.75 * (rates[2] - rates[1]), rates[5] + 0.25 * (rates[6] - rates[5])]
        assert whole[place].tolist() == [[rates[0], place], [rates[-1], place]]
        assert half[place][:, 0].tolist() == pytest.approx(quarters)
        assert dots.get_xdata()[place] == pytest.approx((rates[3] + rates[4]) / 2)
        assert dots.get_ydata()[place] == place
