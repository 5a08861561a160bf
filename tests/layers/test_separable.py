"""Separable convolutions, in one linear map or split by a norm and a neuron."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from spikeformers.layers import BINARY, REAL, SeparableConvolution, Shortcut, Vocabulary, integers
from spikeformers.layers.neurons import Neuron


def separable(shortcut: Shortcut = "membrane", *, split: bool = False) -> SeparableConvolution:
    torch.manual_seed(0)
    return SeparableConvolution(
        4, kernel=7, inputs=integers(2), vocabulary=Vocabulary(), shortcut=shortcut, split=split
    ).eval()


def test_the_released_form_written_out() -> None:
    module = separable()
    x = 3 * torch.randn(2, 2, 4, 6, 5)
    first, second = module.units
    scale = (1 + 1e-5) ** -0.5  # fresh norms in eval mode
    for t, spikes in enumerate(first.neuron(x)):
        assert 0 < spikes.sum() < spikes.numel()
        y = F.conv2d(spikes, first.conv.weight) * scale
        torch.testing.assert_close(first(x)[t], y)
    fired = second.neuron(first(x))
    y = F.conv2d(fired.flatten(0, 1), second.depthwise.weight, padding=3, groups=8)
    expected = (F.conv2d(y, second.conv.weight) * scale).unflatten(0, (2, 2))
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize(("split", "middle"), [(False, REAL), (True, BINARY)])
def test_what_reaches_each_convolution(split: bool, middle: object) -> None:
    module = separable(split=split)
    assert module.units[0].conv.inputs == BINARY
    assert module.units[-1].conv.inputs == middle
    assert sum(isinstance(part, Neuron) for part in module.modules()) == (3 if split else 2)


@pytest.mark.parametrize(("shortcut", "neurons"), [("membrane", 2), ("sew", 2), ("vanilla", 1)])
def test_shortcuts_move_the_neurons(shortcut: Shortcut, neurons: int) -> None:
    module = separable(shortcut)
    assert sum(isinstance(part, Neuron) for part in module.modules()) == neurons
    assert module.units[0].conv.inputs == (BINARY if shortcut == "membrane" else integers(2))
    ends_in_a_neuron = isinstance(list(module.units[-1].children())[-1], Neuron)
    assert ends_in_a_neuron == (shortcut == "sew")
    assert module(torch.randn(2, 1, 4, 5, 5)).shape == (2, 1, 4, 5, 5)
