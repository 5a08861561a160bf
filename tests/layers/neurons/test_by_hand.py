"""Vectors computed by hand, and the golden vectors of neurons by their words."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.layers.neurons.made import build, column


@pytest.mark.parametrize(
    ("word", "words", "x", "expected"),
    [
        ("lif", {}, [1.5, 1.5, 1.5, 1.5], [0, 1, 0, 1]),
        ("plif", {}, [0.9, 1.6, -0.4, 2.4], [0, 1, 0, 1]),
        ("pliaf", {}, [1.5, 1.5, 1.5, 1.5], [0.75, 1.125, 0.75, 1.125]),
        ("lif", {"decay_input": False, "v_reset": None}, [0.6] * 4, [0, 0, 1, 0]),
        ("sfa", {}, [2.6], [0.75]),
        # The negative IF of wavelet transformers: a ternary LIF without leak. H = 0.6, 1.2, 0.2 - 1.5, -0.3 - 0.9.
        ("ternary", {"tau": math.inf, "v_reset": None}, [0.6, 0.6, -1.5, -0.9], [0, 1, -1, -1]),
        # H = 0.6, 1.2, -1.5, -0.9, with hard reset.
        ("ternary", {"tau": math.inf}, [0.6, 0.6, -1.5, -0.9], [0, 1, -1, 0]),
        # H = 0.75; F = 1.5: fires. H = 0.75 again.
        ("klif(k=2.0)", {}, [1.5, 1.5], [1, 1]),
        # F = 0.8 is kept: H = (0.8 + 0.2) / 2, F = 1 fires. Where F / k = 0.4 is kept, F = 0.6 does not.
        ("klif(k=2.0)", {}, [0.8, 0.2], [0, 1]),
        ("klif(k=2.0, scale_reset=true)", {}, [0.8, 0.2], [0, 0]),
        # Soft: F = 2.4, V = 1.4 or (scaled) 0.7; H = 0.7 or 0.35, F = 1.4 or 0.7.
        ("klif(k=2.0)", {"v_reset": None}, [2.4, 0.0], [1, 1]),
        ("klif(k=2.0, scale_reset=true)", {"v_reset": None}, [2.4, 0.0], [1, 0]),
    ],
    ids=str,
)
def test_outputs(word: str, words: dict[str, Any], x: list[float], expected: list[float]) -> None:
    out = build(word, **words)(column(*x)).flatten()
    torch.testing.assert_close(out, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-6)


def test_clif() -> None:
    # H = 1.5: fires. M = 1, V = 0.5 - s(1) = 0.5 - 0.731059 = -0.231059.
    # H = -0.115529 + 1.4 = 1.284471: fires. M = s(0.642235) + 1 = 1.655259, V = 0.284471 - s(1.655259) = -0.555130.
    # H = -0.277565 + 1.2 = 0.922435, where a LIF of soft reset has 0.25 + 1.4 - 1 = 0.65, halved, + 1.2: it fires.
    x = column(1.5, 1.4, 1.2)
    clif = build("clif")
    torch.testing.assert_close(
        clif.potentials(x).flatten(), torch.tensor([1.5, 1.284471, 0.922435], dtype=torch.float64), rtol=0, atol=1e-6
    )
    assert clif(x).flatten().tolist() == [1, 1, 0]
    assert build("lif", decay_input=False, v_reset=None)(x).flatten().tolist() == [1, 1, 1]


def test_glif() -> None:
    # All gates 0.5, tau 2: e = g = 0.5, kept 0.75, let in 0.75 X, linear leak 0.5 / (2 * 3) = 1/12, soft reset 0.5.
    # U = 1.5 - 1/12 = 1.416667: fires. Left 0.75 (1.416667 / 2) - 0.5 = 0.03125.
    # U = 0.03125 + 0.75 - 1/12 = 0.697917. Left 0.523438.
    # U = 0.523438 + 0.6 - 1/12 = 1.040104: fires.
    neuron, x = build("glif", time_steps=3), column(2.0, 1.0, 0.8)
    expected = torch.tensor([1.416667, 0.697917, 1.040104], dtype=torch.float64)
    torch.testing.assert_close(neuron.potentials(x).flatten(), expected, rtol=0, atol=1e-6)
    assert neuron(x).flatten().tolist() == [1, 0, 1]


def test_psn() -> None:
    neuron = build("psn", time_steps=2)
    with torch.no_grad():
        neuron.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, -1.0]]))
        neuron.thresholds.copy_(torch.tensor([1.0, 2.0]))
    # H = 1 + 2 * 0.5, 3 - 0.5 against 1 and 2; then 0.5 + 0, 1.5 - 0.
    assert neuron(column(1.0, 0.5)).flatten().tolist() == [1, 1]
    assert neuron(column(0.5, 0.0)).flatten().tolist() == [0, 0]
    # Told against one threshold: H - B + v_threshold.
    assert neuron.potentials(column(1.0, 0.5)).flatten().tolist() == [2, 1.5]
