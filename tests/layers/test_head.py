"""Heads: mean over positions, perhaps a neuron, one linear or two, mean over time."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.layers import BINARY, REAL, Classifier, MeanHead, Memory, SpikingHead, Vocabulary


def test_logits_and_steps() -> None:
    torch.manual_seed(0)
    head = MeanHead(6, 3).double()
    features = torch.randn(4, 2, 6, 3, 5, dtype=torch.float64)
    steps = head.steps(features)
    assert steps.shape == (4, 2, 3)
    for t in range(4):
        expected = F.linear(features[t].mean((-1, -2)), head.linear.weight, head.linear.bias)
        torch.testing.assert_close(steps[t], expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(head(features), steps.mean(0), rtol=0, atol=1e-12)
    assert isinstance(head.linear, Classifier)
    assert head.linear.inputs == REAL


T, B, C, K = 5, 3, 6, 4
fed = pytest.mark.parametrize("inputs", ["spikes", "membrane"])
taught = pytest.mark.parametrize("distillation", [False, True])


def spiking(**words: Any) -> SpikingHead:
    torch.manual_seed(0)
    return SpikingHead(C, K, neuron=Vocabulary().build_neuron(), **words).double()


def features() -> Tensor:
    """Strong enough that the neuron fires at some steps and not at others."""
    return 1.5 + 2 * torch.randn(T, B, C, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def by_hand(head: SpikingHead, x: Tensor, inputs: str) -> tuple[Tensor, Tensor]:
    """What the two linears are fed [T, B, C]: the spatial mean and a LIF neuron's spikes on it."""
    mean = x.sum((-1, -2)) / 12
    v, spikes = torch.zeros(B, C, dtype=torch.float64), []
    for current in mean:
        v = v + (current - v) / 2
        spikes.append((v >= 1).double())
        v = v * (1 - spikes[-1])
    fired = torch.stack(spikes)
    assert 0.1 < fired.mean() < 0.9
    return (fired if inputs == "spikes" else mean), fired


@fed
@taught
@pytest.mark.parametrize("training", [False, True])
def test_a_spiking_head(inputs: Literal["spikes", "membrane"], distillation: bool, training: bool) -> None:
    head = spiking(inputs=inputs, distillation=distillation).train(training)
    x = features()
    first, second = by_hand(head, x, inputs)
    steps = torch.einsum("kc,tbc->tbk", head.linear.weight, first) + head.linear.bias
    out = head.outputs(x)
    if distillation:
        assert head.distillation is not None
        other = torch.einsum("kc,tbc->tbk", head.distillation.weight, second) + head.distillation.bias
        torch.testing.assert_close(out["distillation"], other.mean(0), rtol=0, atol=1e-12)
        # The authors train each linear on its own target, and evaluate the mean of both.
        steps = steps if training else (steps + other) / 2
    assert set(out) == {"logits", "steps"} | ({"distillation"} if distillation else set())
    torch.testing.assert_close(out["steps"], steps, rtol=0, atol=1e-12)
    torch.testing.assert_close(out["logits"], steps.mean(0), rtol=0, atol=1e-12)
    assert torch.equal(head(x), out["logits"])
    assert torch.equal(head.steps(x), out["steps"])


@fed
def test_a_spiking_head_declares_what_its_linears_are_fed(inputs: Literal["spikes", "membrane"]) -> None:
    head = spiking(inputs=inputs, distillation=True)
    assert head.linear.inputs == (BINARY if inputs == "spikes" else REAL)
    assert head.distillation is not None
    assert head.distillation.inputs == BINARY
    assert spiking(inputs=inputs).distillation is None


@fed
@taught
def test_a_spiking_head_streams(inputs: Literal["spikes", "membrane"], distillation: bool) -> None:
    head, x = spiking(inputs=inputs, distillation=distillation).eval(), features()
    memory, steps = Memory({}), []
    for frame in x:
        steps.append(head.steps(frame.unsqueeze(0), memory))
        memory = Memory(memory.after)
    torch.testing.assert_close(torch.cat(steps), head.steps(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("init", "largest"), [("trunc_normal", 0.2), ("kaiming_uniform", C**-0.5)])
def test_the_initialisation_of_a_spiking_head(init: Any, largest: float) -> None:
    head = spiking(init=init, distillation=True)
    assert head.distillation is not None
    for linear in (head.linear, head.distillation):
        assert 0 < linear.weight.abs().max() <= largest
        assert linear.bias.any() == (init == "kaiming_uniform")
