"""The registered linear against float64, over shapes, strides and dtypes; its saved tensors; its kill switch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from spikeformers.ops.backend import VARIABLE
from spikeformers.ops.linear import linear, products

pytestmark = pytest.mark.skipif(
    not products.serves(torch.ones(1, 1), torch.ones(1, 1)), reason="this PyTorch has no oneDNN"
)


def drawn(T: int, B: int, N: int, channels: int, *, rows: bool) -> Tensor:
    """Spikes or noise as [T, B, N, C], channels innermost in memory or tokens innermost."""
    x = torch.randn(T, B, N, channels)
    return x if rows else x.transpose(-1, -2).contiguous().transpose(-1, -2)


def gradients(function: object, tensors: list[Tensor], grad: Tensor) -> list[Tensor]:
    """The output of `linear` or a twin of it, and its gradients."""
    leaves = [t.detach().clone(memory_format=torch.preserve_format).requires_grad_() for t in tensors]
    out = function(*leaves)  # type: ignore[operator]
    return [out.detach(), *torch.autograd.grad(out, leaves, grad.to(out.dtype))]


def error(value: Tensor, exact: Tensor) -> float:
    """Norm of the difference relative to the norm."""
    return float((value.double() - exact).norm() / exact.norm().clamp_min(1e-30))


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 4)] * 2, st.integers(1, 20), st.integers(1, 40), st.integers(1, 40)),
    rows=st.booleans(),
    biased=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
)
def test_output_and_gradients_are_those_of_float64(sizes: tuple[int, ...], rows: bool, biased: bool, seed: int) -> None:
    torch.manual_seed(seed)
    T, B, N, channels_in, channels_out = sizes
    x = drawn(T, B, N, channels_in, rows=rows)
    grad = drawn(T, B, N, channels_out, rows=not rows)
    tensors = [x, torch.randn(channels_out, channels_in), *([torch.randn(channels_out)] if biased else [])]
    found = gradients(linear, tensors, grad)
    exact = gradients(F.linear, [t.double() for t in tensors], grad)
    # Sums of at most 320 products in float32: 2^-24 times a few, relative to what they would be did nothing cancel.
    sizes_of_terms = gradients(F.linear, [t.double().abs() for t in tensors], grad.abs())
    for value, expected, size in zip(found, exact, sizes_of_terms, strict=True):
        assert value.shape == expected.shape
        assert (value.double() - expected).norm() <= 1e-6 * size.norm()


def test_autocast_is_at_most_twice_as_far_off_as_plain_torch() -> None:
    torch.manual_seed(0)
    tensors = [torch.randn(4, 8, 49, 96), torch.randn(64, 96), torch.randn(64)]
    grad = torch.randn(4, 8, 49, 64)
    exact = gradients(F.linear, [t.double() for t in tensors], grad)
    with torch.autocast("cpu", torch.bfloat16):
        found, plain = gradients(linear, tensors, grad), gradients(F.linear, tensors, grad)
    assert [t.dtype for t in found] == [t.dtype for t in plain] == [torch.bfloat16, *[torch.float32] * 3]
    for value, other, expected in zip(found, plain, exact, strict=True):
        assert error(value, expected) <= 2 * error(other, expected)
    # The gradient of the bias is a sum in float32 of the rounded gradient, not rounded again.
    torch.testing.assert_close(found[3], grad.bfloat16().double().sum((0, 1, 2)).float(), rtol=1e-5, atol=1e-4)


def test_it_saves_the_input_and_the_weight_only() -> None:
    x, weight = torch.randn(2, 3, 5, 7, requires_grad=True), torch.randn(4, 7, requires_grad=True)
    saved: list[Tensor] = []
    with saved_tensors_hooks(lambda t: (saved.append(t), t)[1], lambda t: t):
        linear(x, weight, torch.zeros(4, requires_grad=True)).sum().backward()
    assert sorted(t.data_ptr() for t in saved) == sorted((x.data_ptr(), weight.data_ptr()))


def test_only_the_gradients_asked_for_are_computed() -> None:
    x, weight = torch.randn(2, 3, 5, 7), torch.randn(4, 7, requires_grad=True)
    linear(x, weight).sum().backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, x.sum((0, 1, 2)).expand(4, 7))


def test_the_operator_keeps_the_rules_of_registered_ones() -> None:
    x, weight, bias = (torch.randn(size, requires_grad=True) for size in ((2, 3, 5, 7), (4, 7), (4,)))
    torch.library.opcheck(torch.ops.spikeformers.linear.default, (x, weight, bias))
    torch.library.opcheck(
        torch.ops.spikeformers.linear.default, (x.detach().bfloat16(), weight.detach().bfloat16(), None)
    )


def test_the_switch_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = torch.randn(2, 3, 5, 7), torch.randn(4, 7)
    assert "spikeformers::linear" in names_run(x, weight)
    monkeypatch.setenv(VARIABLE, "linear=reference")
    assert "spikeformers::linear" not in names_run(x, weight)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_dtypes_are_left_to_torch(dtype: torch.dtype) -> None:
    x, weight = torch.randn(2, 3, 5, 7).to(dtype), torch.randn(4, 7).to(dtype)
    assert torch.equal(linear(x, weight), F.linear(x, weight))
    assert "spikeformers::linear" not in names_run(x, weight)


def test_an_exported_program_needs_no_operation_of_ours() -> None:
    class Maps(torch.nn.Module):
        def forward(self, x: Tensor, weight: Tensor) -> Tensor:
            return linear(x, weight)

    program = torch.export.export(Maps(), (torch.randn(2, 3, 5, 7), torch.randn(4, 7)))
    assert "spikeformers" not in str(program.graph)


def names_run(x: Tensor, weight: Tensor) -> set[str]:
    """The names of all operators that one call runs."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        linear(x, weight)
    return {event.name for event in profile.events()}
