"""Neurons and currents for the tests of this folder, in float64."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from spikeformers.layers import Memory, Neuron, Vocabulary

T = 5


def build(word: str, **words: Any) -> Neuron:
    torch.manual_seed(0)
    return Vocabulary(neuron=word, **{"time_steps": T, **words}).build_neuron().double()


def moved(word: str, **words: Any) -> Any:
    """With learned numbers that are not those it starts with."""
    neuron = build(word, **words)
    with torch.no_grad():
        for parameter in neuron.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, dtype=parameter.dtype))
    return neuron


def current(*shape: int, steps: int = T, shift: float = 0.4) -> Tensor:
    """[T, ...], strong enough to fire now and then."""
    generator = torch.Generator().manual_seed(1)
    return 1.5 * torch.randn(steps, *(shape or (2, 3, 12)), generator=generator, dtype=torch.float64) + shift


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(-1, 1)


def streamed(neuron: Any, x: Tensor) -> Tensor:
    """One time step after another."""
    memory, outputs = Memory({}), []
    for x_t in x:
        memory = Memory(memory.after)
        outputs.append(neuron(x_t.unsqueeze(0), memory))
    return torch.cat(outputs)


def assert_fires_now_and_then(out: Tensor) -> None:
    assert 0.02 < out.ne(0).double().mean() < 0.9
