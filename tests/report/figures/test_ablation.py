"""The picture of a study: a dot for every run, and nothing overlaps."""

from __future__ import annotations

import numpy as np
import pytest

from spikeformers.report.figures.ablation import ablation_figure
from tests.report.drawn import check_texts, texts
from tests.report.studied import BASE, findings, line, partial


def dots(figure):
    """The accuracies of all dots by panel and row."""
    found = []
    for axes in figure.axes:
        for drawn in axes.lines:
            if drawn.get_marker() == "o":
                found.append((axes.get_title("left"), drawn.get_ydata()[0], *np.sort(drawn.get_xdata())))
    return found


def test_every_run_is_a_dot_in_its_row():
    figure = ablation_figure(partial())
    assert dots(figure) == [
        ("attention", 0, 0.80, 0.82, 0.84),
        ("attention", 1, 0.79, 0.81, 0.83),
        ("attention", 2, 0.685, 0.705, 0.725),
        ("attention", 3, 0.9),
        ("neuron", 0, 0.80, 0.82, 0.84),
    ]
    check_texts(figure)
    words = [text for text, _ in texts(figure)]
    assert "What matters" in words
    assert "81.00 ± 2.00 %" in words
    assert "90.00 %" in words
    assert "missing" in words
    assert any("10 of 15 runs finished, 4 missing, 1 failed." in text.replace("\n", " ") for text in words)
    for axes in figure.axes:
        dashed = [drawn.get_xdata()[0] for drawn in axes.lines if drawn.get_linestyle() == "--"]
        assert dashed == [pytest.approx(BASE.mean)]


@pytest.mark.parametrize("accuracies", [(), (0.5,), (0.5, 0.5), (0.0, 1.0)])
def test_whatever_was_found_is_drawn(accuracies):
    empty = line("base", *accuracies, factor="", is_base=True, overrides={})
    failed = line("a value with a long name, and more", *accuracies, failures={7: "no"})
    figure = ablation_figure(findings(line("base", *accuracies, is_base=True, overrides={}), failed, base=empty))
    check_texts(figure)
    assert ("failed" in [text for text, _ in texts(figure)]) == (not accuracies)
