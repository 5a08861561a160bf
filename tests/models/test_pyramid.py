"""What the pyramids share: strides, sizes that do not divide, config errors."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeformers.errors import ConfigError
from spikeformers.models import ESpikeFormer, MetaSpikeFormer, PyramidModel

KINDS: list[type[PyramidModel]] = [MetaSpikeFormer, ESpikeFormer]
SMALL: dict[str, Any] = {
    "dims": [4, 4, 8, 8],
    "depths_by_stage": [1, 1, 1, 1, 1],
    "heads": 2,
    "mlp_ratio": 2,
    "num_classes": 3,
    "time_steps": 2,
}


def small(kind: type[PyramidModel], **words: Any) -> PyramidModel:
    torch.manual_seed(0)
    return kind.from_words({**SMALL, **words}).eval()


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=15)
@given(height=st.integers(1, 70), width=st.integers(1, 70))
def test_any_size_has_the_five_stages(kind: type[PyramidModel], height: int, width: int) -> None:
    """Rounded up at every stride of 2: a convolution of odd kernel k and padding (k - 1) / 2 gives ceil(size / 2)."""
    model = small(kind)
    x = torch.randn(1, 3, height, width)
    stages = model.forward_stages(x)
    assert [stride for stride, _ in stages] == [2, 4, 8, 16, 16]
    assert [stage.shape[2] for _, stage in stages] == [2, 4, 4, 8, 8]
    for stride, stage in stages:
        assert stage.shape[:2] == (2, 1)
        assert stage.shape[3:] == (math.ceil(height / stride), math.ceil(width / stride))
    pyramid = model.forward_pyramid(x)
    assert list(pyramid) == [2, 4, 8, 16]
    assert torch.equal(pyramid[16], stages[-1][1])
    assert torch.equal(pyramid[16], model.forward_features(x))
    assert model(x).shape == (1, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"dims": [4, 4, 8]}, "dims must be 4 values"),
        ({"dims": [5, 4, 8, 8]}, "must be even"),
        ({"dims": [4, 4, 8, 9]}, "multiples of heads"),
        ({"dims": [4, 0, 8, 8]}, "at least 1"),
        ({"depths_by_stage": [1, 1, 0, 1, 1]}, "at least 1"),
        ({"heads": 0}, "heads must be at least 1"),
        ({"mlp_ratio": 0.01}, "whole number of channels"),
        ({"mlp_ratio": -1}, "positive"),
        ({"drop_path": 1.0}, "below 1"),
    ],
)
def test_words_that_make_no_model(kind: type[PyramidModel], words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(kind, **words)


@pytest.mark.parametrize("kind", KINDS)
def test_stochastic_depth_grows_over_all_blocks(kind: type[PyramidModel]) -> None:
    model = small(kind, drop_path=0.4, depths_by_stage=[1, 1, 2, 2, 2])
    blocks = [block for stage in model.stages for block in stage.blocks]
    for index, block in enumerate(blocks):
        assert [join.drop_path for join in block.joins.values()] == pytest.approx([0.4 * index / 7] * len(block.joins))


@pytest.mark.parametrize("kind", KINDS)
def test_recomputing_the_blocks_changes_nothing(kind: type[PyramidModel]) -> None:
    model = small(kind).double().train()
    x = torch.randn(2, 3, 33, 32, dtype=torch.float64)
    model(x).square().sum().backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    model.recompute_blocks = True
    model(x).square().sum().backward()
    for name, gradient in expected.items():
        assert torch.equal(model.get_parameter(name).grad, gradient), name
