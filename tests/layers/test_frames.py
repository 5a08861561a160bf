"""A frame that is repeated over time is computed once, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from spikeformers import create_model
from spikeformers.layers import REAL, BatchNorm, Conv2d, Linear
from spikeformers.layers.frames import once_if_repeated

T, B = 4, 3

OPERATIONS: dict[str, Callable[[], nn.Module]] = {
    "conv": lambda: Conv2d(5, 7, inputs=REAL, bias=True),
    "strided conv": lambda: Conv2d(5, 10, inputs=REAL, kernel=5, stride=2, groups=5),
    "linear": lambda: Linear(5, 7, inputs=REAL),
}


def image(*, channels_last: bool) -> Tensor:
    """[B, 5, 8, 6]."""
    x = torch.randn(B, 5, 8, 6)
    return (x.contiguous(memory_format=torch.channels_last) if channels_last else x).requires_grad_()


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_repeated_frame_is_computed_once(name: str, channels_last: bool) -> None:
    torch.manual_seed(0)
    operation = OPERATIONS[name]()
    x = image(channels_last=channels_last)
    out = operation(x.expand(T, *x.shape))
    written_out = operation(x.expand(T, *x.shape).contiguous())
    assert out.stride(0) == 0
    assert written_out.stride(0) != 0
    torch.testing.assert_close(out, written_out, rtol=1e-5, atol=1e-6)
    grad = torch.randn_like(written_out)
    leaves = [x, *operation.parameters()]
    found, expected = (torch.autograd.grad(y, leaves, grad) for y in (out, written_out))
    for one, other in zip(found, expected, strict=True):
        # Sums over T come in another order.
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("channels_last", [False, True])
def test_a_norm_takes_a_repeated_frame_for_what_it_stands_for(channels_last: bool) -> None:
    torch.manual_seed(0)
    x = image(channels_last=channels_last)
    norm, other = BatchNorm(5), BatchNorm(5)
    out, expected = norm(x.expand(T, *x.shape)), other(x.expand(T, *x.shape).contiguous())
    torch.testing.assert_close(out, expected)
    # The unbiased variance counts T times as many elements as the one frame has.
    torch.testing.assert_close(norm.running_var, other.running_var)
    grad = torch.randn_like(expected)
    torch.testing.assert_close(*(torch.autograd.grad(y, x, grad)[0] for y in (out, expected)), rtol=1e-4, atol=1e-5)


def test_different_frames_and_single_ones_are_all_computed() -> None:
    seen: list[int] = []

    def look(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x

    once_if_repeated(look, torch.randn(T, B))
    once_if_repeated(look, torch.randn(1, B))
    once_if_repeated(look, torch.randn(B).expand(T, B))
    assert seen == [T, 1, 1]


def test_a_static_image_stays_one_frame_up_to_the_first_convolution() -> None:
    model = create_model("spikformer_4_384.cifar10", dim=16, heads=2, depth=1)
    frames = model.encode(torch.randn(2, 3, 32, 32))
    assert frames.shape == (4, 2, 3, 32, 32)
    assert frames.stride(0) == 0
    assert frames.stride(2) == 1
    moving = model.encode(torch.randn(2, 4, 3, 32, 32))
    assert moving.stride(0) != 0
    assert moving.stride(2) == 1
