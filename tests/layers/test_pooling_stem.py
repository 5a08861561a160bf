"""The stem without a position embedding: widths, strides, and where it pools."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from spikeformers.layers import BINARY, REAL, MaxPool, PoolingStem, Vocabulary
from spikeformers.layers.neurons import Neuron

WIDTHS = (2, 3, 4, 6, 6)


def stem(pooling: str = "01011", *, pool_before_neuron: bool = True, **words: object) -> PoolingStem:
    torch.manual_seed(0)
    return PoolingStem(
        3,
        WIDTHS,
        pooling=pooling,
        pool_before_neuron=pool_before_neuron,
        vocabulary=Vocabulary(),
        **words,  # type: ignore[arg-type]
    ).eval()


@pytest.mark.parametrize("pooling", ["00011", "01111", "11110", "00000"])
def test_maps_have_their_widths_and_strides(pooling: str) -> None:
    tokenizer = stem(pooling)
    x = torch.randn(2, 1, 3, 32, 16)
    maps = list(tokenizer.maps(x))
    strides = [2 ** pooling[: i + 1].count("1") for i in range(5)]
    assert list(tokenizer.strides) == strides
    for width, stride, found in zip(WIDTHS, strides, maps, strict=True):
        assert found.shape == (2, 1, width, 32 // stride, 16 // stride)
    assert torch.equal(tokenizer(x), maps[-1])


def test_real_currents_are_pooled_and_then_fire() -> None:
    stage = stem("11111").stages[0]
    x = 3 * torch.randn(2, 1, 3, 8, 8)
    currents = F.conv2d(x.flatten(0, 1), stage.conv.weight, padding=1) * (1 + 1e-5) ** -0.5  # fresh norms in eval mode
    expected = stage.neuron(F.max_pool2d(currents, 3, 2, 1).unflatten(0, (2, 1)))
    assert torch.equal(stage(x), expected)
    assert 0 < expected.mean() < 1


@pytest.mark.parametrize("before", [True, False])
def test_the_order_of_pool_and_neuron(before: bool) -> None:
    for stage, pooled in zip(stem(pool_before_neuron=before).stages, "01011", strict=True):
        kinds = [type(part) for part in stage.children()]
        assert (MaxPool in kinds) == (pooled == "1")
        assert issubclass(kinds[-1], Neuron) == (before or pooled == "0")


def test_a_membrane_stream_is_left_real() -> None:
    tokenizer = stem(shortcut="membrane")
    assert (stem().values, tokenizer.values) == (BINARY, REAL)
    neurons = [any(isinstance(part, Neuron) for part in stage.children()) for stage in tokenizer.stages]
    assert neurons == [True] * 4 + [False]
    for stage in tokenizer.stages:
        torch.nn.init.constant_(stage.norm.bias, 1.5)  # so that spikes reach the last one
    tokens = tokenizer(torch.randn(2, 1, 3, 16, 16))
    assert not torch.equal(tokens, tokens.round())
    assert [stage.conv.inputs for stage in tokenizer.stages] == [REAL] + [BINARY] * 4
