"""The Triton kernels around a batch norm against float64, in poisoned memory."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spikeformers.ops.layout import by_channel, empty_like_steps
from tests.ops.drawing import laid_out
from tests.ops.poisoned import poisoned
from tests.ops.triton.running import DEVICE, require_triton

require_triton()
from spikeformers.ops.lif import triton as kernels  # noqa: E402

SHAPES = [(1, 1, 1, 1), (2, 1, 3, 49), (3, 2, 5, 4, 4), (1, 3, 2, 1500), (4, 700, 3, 2)]
WIDE = [(2, 40, 70, 3), (4, 1, 64, 1), (1, 300, 24, 7)]
CASES = [(shape, "contiguous") for shape in SHAPES] + [(shape, "channels last") for shape in SHAPES + WIDE]
CASES += [((4, 2, 3, 50), "repeated over time")]


def values(shape: tuple[int, ...], layout: str, mean: float) -> Tensor:
    return laid_out(torch.randn(shape, generator=torch.Generator().manual_seed(0)) + mean, layout)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("mean", [0.0, -300.0])
def test_moments(case: tuple[tuple[int, ...], str], mean: float) -> None:
    x = values(*case, mean)
    with poisoned():
        got = kernels.channel_moments(x.to(DEVICE), by_channel(x))
    exact = x.double().movedim(2, 0).flatten(1)
    # Sums of deviations in float32, a few thousand at most; of values about 300, each deviation is exact.
    torch.testing.assert_close(got[0].cpu(), exact.mean(1), rtol=1e-7, atol=1e-6)
    torch.testing.assert_close(got[1].cpu(), exact.var(1, unbiased=False), rtol=1e-5, atol=1e-7)


def test_moments_repeat() -> None:
    x = values((4, 300, 24, 7), "channels last", 0.0).to(DEVICE)
    first, second = (torch.stack(kernels.channel_moments(x, by_channel(x))) for _ in range(2))
    assert torch.equal(first, second)


@settings(max_examples=20)
@given(
    case=st.sampled_from(CASES),
    dtype=st.sampled_from([torch.float32, torch.float16]),
    in_place=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_the_way_back(case: tuple[tuple[int, ...], str], dtype: torch.dtype, in_place: bool, seed: int) -> None:
    y = values(*case, 3.0)
    if case[1] == "repeated over time":
        y = y.contiguous()
    y = y.to(dtype)
    torch.manual_seed(seed)
    grad, mean, coefficients = torch.randn_like(y), torch.randn(y.shape[2]), torch.randn(3, y.shape[2])
    a, b, d, m = (t.double().view(-1, *[1] * (y.dim() - 3)) for t in (*coefficients, mean))
    expected = a * grad.double() + b * (y.double() - m) + d
    there = grad.to(DEVICE)
    with poisoned():
        out = there if in_place else empty_like_steps(y.to(DEVICE))
        kernels.norm_backward(
            there, y.to(DEVICE), by_channel(y), mean.to(DEVICE), coefficients.to(DEVICE), out
        )  # fmt: skip
    # Four float32 roundings of terms of a few units, and that of the result.
    torch.testing.assert_close(out.cpu().double(), expected, rtol=torch.finfo(dtype).eps, atol=4e-6)
