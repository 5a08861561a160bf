"""Depthwise convolution against PyTorch's in float64, over shapes and layouts; when it is left to PyTorch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeformers import native
from spikeformers.layers import REAL, Conv2d
from spikeformers.ops.backend import VARIABLE
from spikeformers.ops.depthwise import depthwise
from tests.ops.poisoned import poisoned, threads

pytestmark = pytest.mark.skipif(native.library() is None, reason=f"no native library: {native.status().reason}")


@settings(max_examples=60, deadline=None)
@given(
    channels=st.integers(2, 70),
    size=st.tuples(st.integers(1, 4), st.integers(1, 20), st.integers(1, 20)),
    kernel=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    autocast=st.booleans(),
    biased=st.booleans(),
    channels_last=st.booleans(),
    count=st.sampled_from([1, 2]),
    seed=st.integers(0, 2**31 - 1),
)
def test_output_and_gradients_are_those_of_float64(
    channels: int,
    size: tuple[int, int, int],
    kernel: tuple[int, int],
    padding: tuple[int, int],
    dtype: torch.dtype,
    autocast: bool,
    biased: bool,
    channels_last: bool,
    count: int,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    kernel = tuple(min(k, n + 2 * p) for k, n, p in zip(kernel, size[1:], padding, strict=True))  # type: ignore[assignment]
    leaves = [torch.randn(size[0], channels, *size[1:]), torch.randn(channels, 1, *kernel)]
    leaves += [torch.randn(channels)] if biased else []
    if channels_last:
        leaves[0] = leaves[0].contiguous(memory_format=torch.channels_last)
    found = [t.to(dtype, memory_format=torch.preserve_format).requires_grad_() for t in leaves]
    low = torch.bfloat16 if autocast else dtype
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast), poisoned(), threads(count):
        out = depthwise(found[0], found[1], found[2] if biased else None, padding)
        assert out is not None
        grad = torch.randn_like(out)
        gradients = torch.autograd.grad(out, found, grad)
    exact = [t.detach().to(low).double().requires_grad_() for t in found]
    expected = F.conv2d(*exact, padding=padding, groups=channels)
    true = torch.autograd.grad(expected, exact, grad.double())
    assert out.dtype == low
    assert [g.dtype for g in gradients] == [t.dtype for t in found]
    # Summed in float32, then rounded once to the dtype it has: bounds of each element, by the sizes of its terms.
    sizes = [t.detach().abs().requires_grad_() for t in exact]
    of_output = F.conv2d(*sizes, padding=padding, groups=channels)
    of_gradients = torch.autograd.grad(of_output, sizes, grad.double().abs())
    kept = [low, low, *(t.dtype for t in found[1:])]
    for value, its, terms, rounded in zip(
        (out, *gradients), (expected, *true), (of_output, *of_gradients), kept, strict=True
    ):
        bound = torch.finfo(rounded).eps * its.abs() + 1e-6 * terms + 1e-30
        assert bool(((value.double() - its).abs() <= bound).all())


def test_nobody_who_learns_nothing_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = torch.randn(2, 8, 9, 9), torch.randn(8, 1, 3, 3)
    assert depthwise(x, weight, None, (1, 1)) is None
    weight.requires_grad_()
    assert depthwise(x, weight, None, (1, 1)) is not None
    assert depthwise(x.double(), weight.double(), None, (1, 1)) is None
    with torch.no_grad():
        assert depthwise(x, weight, None, (1, 1)) is None
    monkeypatch.setenv(VARIABLE, "depthwise=reference")
    assert depthwise(x, weight, None, (1, 1)) is None


@pytest.mark.parametrize(("words", "taken"), [({"kernel": 7}, True), ({"kernel": 3, "stride": 2}, False)])
def test_the_layer_takes_it_where_the_stride_is_one(words: dict[str, int], taken: bool) -> None:
    layer = Conv2d(16, 16, inputs=REAL, groups=16, bias=True, **words)  # type: ignore[arg-type]
    x = torch.randn(2, 3, 16, 11, 11, requires_grad=True)
    out = layer(x)
    expected = F.conv2d(x.flatten(0, 1), layer.weight, layer.bias, layer.stride, layer.padding, groups=16)
    torch.testing.assert_close(out.flatten(0, 1), expected, rtol=1e-5, atol=1e-5)
    names, todo = set(), [out.grad_fn]
    while todo:
        if (node := todo.pop()) is not None:
            names.add(node.name())
            todo.extend(before for before, _ in node.next_functions)
    assert ("DepthwiseConvolutionBackward" in names) == taken
