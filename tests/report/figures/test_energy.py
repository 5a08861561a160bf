"""Figures of energy, accuracy and what-if: what they draw are the figures they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spikeformers import measure
from spikeformers.models import create_model
from spikeformers.report.figures.accuracy import class_accuracy, confusion_matrix
from spikeformers.report.figures.energy import energy_by_convention, energy_by_layer
from spikeformers.report.figures.what_if import what_if
from spikeformers.report.page.study import Chip
from tests.report.drawn import check_texts, texts


@pytest.fixture(scope="module")
def profile():
    torch.manual_seed(0)
    model = create_model("spikformer_2_64.digits", dim=16).eval()
    return measure.profile(model, torch.randn(2, 1, 8, 8) * 3)


@pytest.fixture(scope="module")
def chips(profile):
    counts = profile.deployed.counts
    made = []
    for word in ("vesta", "parallel_time_steps"):
        pes = measure.read_accelerator(word).count("pes")
        questions = {
            "pes": tuple((each, measure.accelerator(counts, word, pes=each)) for each in (pes // 2, pes, 2 * pes)),
            "skip_lanes": tuple(
                (each, measure.accelerator(counts, word, skip_lanes=each, zero_skip=True)) for each in (1, 4)
            ),
        }
        made.append(Chip(report=measure.accelerator(counts, word), questions=questions))
    return made


def confusion(classes):
    generator = np.random.default_rng(0)
    return (generator.integers(0, 3, (classes, classes)) + 30 * np.eye(classes, dtype=int)).tolist()


def test_no_text_overlaps_another_or_leaves_the_figure(profile, chips):
    names = [f"a long name of class {index}" for index in range(12)]
    for figure in (
        energy_by_convention(profile.forms),
        energy_by_convention(profile.forms[:1]),
        energy_by_layer(profile.deployed.energies),
        what_if(chips),
        class_accuracy(confusion(12), names),
        class_accuracy(confusion(100), [str(index) for index in range(100)]),
        confusion_matrix(confusion(12), names),
    ):
        check_texts(figure)


def test_bars_of_conventions_are_the_energies(profile):
    (axes,) = energy_by_convention(profile.forms).axes
    for bars, form in zip(axes.containers, profile.forms, strict=True):
        assert [bar.get_width() for bar in bars] == [each.millijoules for each in form.energies]
        assert bars.get_label() == form.label


def test_bars_of_layers_add_up_to_the_model(profile):
    energies = profile.deployed.energies
    figure = energy_by_layer(energies)
    for axes, energy in zip(figure.axes, energies, strict=True):
        drawn = sum(bar.get_width() for bar in axes.patches)
        assert drawn == pytest.approx(sum(row.compute + row.memory for row in energy.rows), rel=0.02)
        assert axes.get_title(loc="left").startswith(f"{energy.convention}: ")
    memory = [energy.memory > 0 for energy in energies]
    assert [len(axes.containers) == 2 for axes in figure.axes] == memory


def test_many_layers_are_drawn_as_fewer(monkeypatch, profile):
    monkeypatch.setattr("spikeformers.report.figures.energy.MOST_LAYERS", 6)
    figure = energy_by_layer(profile.deployed.energies)
    assert len(figure.axes[0].get_yticks()) <= 6


def test_cells_of_the_confusion_matrix_hold_its_counts():
    table = confusion(4)
    words = [text for text, _ in texts(confusion_matrix(table, ["a", "b", "c", "$d$"]))]
    assert sorted(word for word in words if word.isdigit()) == sorted(str(n) for row in table for n in row if n)
    assert words.count("$d$") == 2


def test_many_classes_are_a_map_without_numbers():
    figure = confusion_matrix(confusion(50), [str(index) for index in range(50)])
    (image,) = figure.axes[0].images
    shares = np.array(confusion(50)) / np.sum(confusion(50), axis=1, keepdims=True)
    assert np.allclose(image.get_array(), shares)


def test_of_many_classes_the_lowest_are_drawn():
    table = np.diag([10] * 30)
    table[7] = 1
    (axes,) = class_accuracy(table.tolist(), [f"class {index}" for index in range(30)]).axes
    assert axes.get_yticklabels()[0].get_text() == "class 7"
    assert [bar.get_width() for bar in axes.patches] == [1 / 30] + [1.0] * 19


def test_lines_of_what_if_are_the_reports(chips):
    panels = what_if(chips).axes
    pes, _, lanes, bits = panels
    for index, chip in enumerate(chips):
        line, own = pes.lines[2 * index : 2 * index + 2]
        assert line.get_xdata().tolist() == [0.5, 1.0, 2.0]
        assert line.get_ydata().tolist() == [report.fps for _, report in chip.asked("pes")]
        assert own.get_ydata().tolist() == [chip.report.fps]
        assert lanes.lines[2 * index].get_ydata().tolist() == [report.fps for _, report in chip.asked("skip_lanes")]
    assert not bits.lines  # nothing was asked
