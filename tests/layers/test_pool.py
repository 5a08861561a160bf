"""Max-pooling: negative maps, ties, both memory layouts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from spikeformers.layers import Dilate, MaxPool


def lay_out(x: Tensor, layout: str) -> Tensor:
    """The maps with channels outer or innermost in memory."""
    if layout == "channels outer":
        return x
    frames = x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return frames.view(x.shape)


layouts = pytest.mark.parametrize("layout", ["channels outer", "channels innermost"])


def windows(x: Tensor, stride: int = 2) -> Tensor:
    """Every window [..., H/stride, W/stride, 9] of a map padded with -inf, row by row."""
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1), value=-math.inf)
    return padded.unfold(-2, 3, stride).unfold(-2, 3, stride).flatten(-2)


@layouts
@pytest.mark.parametrize("size", [(8, 6), (2, 2), (5, 7), (1, 1)])
def test_it_halves_a_map_that_may_be_negative(size: tuple[int, int], layout: str) -> None:
    torch.manual_seed(0)
    x = lay_out(torch.randn(2, 3, 4, *size) - 5, layout)
    out = MaxPool()(x)
    assert out.shape == (2, 3, 4, (size[0] + 1) // 2, (size[1] + 1) // 2)
    assert torch.equal(out, windows(x).amax(-1))
    # Padding with 0 would have put 0 at every edge.
    assert (out < 0).all()


@layouts
def test_the_gradient_goes_to_the_first_maximum_of_a_window(layout: str) -> None:
    # Spikes tie everywhere; values do not depend on which of them is the maximum, gradients do.
    torch.manual_seed(0)
    x = lay_out(torch.randint(0, 2, (2, 3, 4, 8, 6)).double(), layout).requires_grad_()
    weights = torch.randn(2, 3, 4, 4, 3, dtype=torch.float64)
    (MaxPool()(x) * weights).sum().backward()

    expected = torch.zeros(2, 3, 4, 10, 8, dtype=torch.float64)  # of the padded map
    flat = windows(x.detach())
    first = (flat == flat.amax(-1, keepdim=True)).double().argmax(-1)
    for i in range(4):
        for j in range(3):
            place = torch.nn.functional.one_hot(first[..., i, j], 9).double().view(2, 3, 4, 3, 3)
            expected[..., 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += place * weights[..., i, j, None, None]
    assert x.grad is not None
    torch.testing.assert_close(x.grad, expected[..., 1:-1, 1:-1], rtol=0, atol=1e-12)


@layouts
@pytest.mark.parametrize("size", [(8, 6), (2, 2), (5, 7), (1, 1)])
def test_dilation_keeps_the_size_and_gives_each_place_the_largest_neighbour(size: tuple[int, int], layout: str) -> None:
    torch.manual_seed(0)
    x = lay_out(torch.randn(2, 3, 4, *size) - 5, layout)
    out = Dilate()(x)
    assert torch.equal(out, windows(x, stride=1).amax(-1))
    assert (out < 0).all()


def test_one_spike_becomes_nine() -> None:
    x = torch.zeros(1, 1, 1, 5, 5)
    x[..., 2, 3] = 1
    expected = torch.zeros(5, 5)
    expected[1:4, 2:5] = 1
    assert torch.equal(Dilate()(x)[0, 0, 0], expected)
