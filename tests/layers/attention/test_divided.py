"""Divided attention as one branch: Spikeformer's two where the stream is real."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spikeformers.errors import ConfigError
from spikeformers.layers import Add, Block, Neuron
from tests.layers.attention.built import DIM, B, T, build, randomise
from tests.models.tiny import random_input, tiny_model


def awake(shortcut: str) -> nn.Module:
    """With a linear behind the temporal attention that adds something."""
    attention = build("divided", shortcut=shortcut)
    randomise(attention)
    nn.init.normal_(attention.get_parameter("temporal.linear.weight"), generator=torch.Generator().manual_seed(1))
    return attention.double()


def test_on_a_real_stream_it_is_spikeformers_two_branches() -> None:
    attention = awake("membrane")
    x = torch.randn(T, B, DIM, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    pair = Block(Add, temporal=attention.get_submodule("temporal"), spatial=attention.get_submodule("spatial"))
    one = Block(Add, attention=attention)
    torch.testing.assert_close(one(x), pair(x), rtol=0, atol=1e-12)
    assert not [module for module in attention.modules() if isinstance(module, Neuron)]


def test_at_first_time_adds_nothing() -> None:
    attention = build("divided", shortcut="membrane").double()
    x = torch.randn(T, B, DIM, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(attention(x), attention.get_submodule("spatial")(x), rtol=0, atol=0)


@pytest.mark.parametrize("shortcut", ["membrane", "sew", "vanilla", "iand"])
def test_gradients_reach_every_parameter(shortcut: str) -> None:
    attention = awake(shortcut).train()
    x = torch.randn(T, B, DIM, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    weights = torch.randn(T, B, DIM, 2, 3, generator=torch.Generator().manual_seed(2)).double()
    (attention(x) * weights).sum().backward()
    for name, parameter in attention.named_parameters():
        assert parameter.grad is not None, name
        # What a norm in training takes away again is rounding only.
        dead = name == "spatial.attention.projection.bias" and shortcut != "membrane"
        assert bool((parameter.grad.abs() > 1e-9).any()) or dead, name


def test_heads_must_divide_the_channels() -> None:
    with pytest.raises(ConfigError, match="channels must be multiples of heads, got 8 channels and 3 heads"):
        build("divided", heads=3)


@pytest.mark.parametrize("name", ["spikformer_4_384.cifar10", "meta_spikeformer_15m_t4.imagenet"])
def test_in_other_families(name: str) -> None:
    model = tiny_model(name, attention="divided")
    x = random_input(model, 2)
    assert model(x).isfinite().all()
