"""Looking sums up against convolutions in float64, over shapes, strides and layouts; what it refuses, what it saves."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from spikeformers import native
from spikeformers.layers import BINARY, REAL, Conv2d, Linear
from spikeformers.ops.backend import VARIABLE, choose
from spikeformers.ops.linear import linear
from spikeformers.ops.lookup import lookup, weight_gradient

pytestmark = pytest.mark.skipif(
    choose("lookup").backend != "native" or native.status().instruction_set != "avx512",
    reason="tables are looked up by the native core for AVX-512 only",
)


def spikes(*size: int, rate: float = 0.3, channels_last: bool = True) -> Tensor:
    """Random spikes [F, C, H, W]."""
    x = (torch.rand(size) < rate).float()
    return x.contiguous(memory_format=torch.channels_last) if channels_last else x


def error(value: Tensor, exact: Tensor) -> float:
    """Norm of the difference relative to the norm."""
    return float((value.double() - exact).norm() / exact.norm().clamp_min(1e-30))


@settings(max_examples=40, deadline=None)
@given(
    channels_in=st.integers(1, 150),
    channels_out=st.integers(16, 70),
    size=st.tuples(st.integers(1, 5), st.integers(3, 14), st.integers(3, 14)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 2), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    channels_last=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
)
def test_output_and_gradients_are_those_of_float64(
    channels_in: int,
    channels_out: int,
    size: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    channels_last: bool,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    kernel = (min(kernel[0], size[1]), min(kernel[1], size[2]))
    x = spikes(size[0], channels_in, *size[1:], channels_last=channels_last)
    leaves = [x, torch.randn(channels_out, channels_in, *kernel), torch.randn(channels_out)]
    exact = [t.double().requires_grad_() for t in leaves]
    expected = F.conv2d(*exact, stride=stride, padding=padding)
    found = [t.clone(memory_format=torch.preserve_format).requires_grad_() for t in leaves]
    out = lookup(*found, stride=stride, padding=padding)  # type: ignore[misc]
    if out is None:  # only for being small
        assert expected[:, 0].numel() < 256 or -(-channels_in // 16) * 16 * kernel[0] * kernel[1] < 128
        return
    assert out.shape == expected.shape
    grad = torch.randn_like(expected)
    gradients = torch.autograd.grad(out, found, grad.float())
    true_gradients = torch.autograd.grad(expected, exact, grad.float().double())
    # Sums in float32, of at most 2400 terms: a few times 2^-24, relative to the norm.
    for value, true in zip([out, *gradients], [expected, *true_gradients], strict=True):
        assert error(value.detach(), true.detach()) < 1e-6


@settings(max_examples=25, deadline=None)
@given(
    channels_in=st.integers(1, 90),
    channels_out=st.integers(16, 70),
    size=st.tuples(st.integers(2, 5), st.integers(8, 14), st.integers(8, 14)),
    stride=st.integers(1, 2),
    biased=st.booleans(),
    autocast=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
)
def test_in_bfloat16_the_gradient_of_the_weight_is_a_sum_in_float32(
    channels_in: int,
    channels_out: int,
    size: tuple[int, int, int],
    stride: int,
    biased: bool,
    autocast: bool,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    dtype = torch.float32 if autocast else torch.bfloat16
    leaves = [spikes(size[0], channels_in, *size[1:]), torch.randn(channels_out, channels_in, 3, 3)]
    leaves += [torch.randn(channels_out)] if biased else []
    found = [t.to(dtype, memory_format=torch.preserve_format).requires_grad_() for t in leaves]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        arguments = [*found, *([] if biased else [None])]
        out = lookup(*arguments, stride=(stride, stride), padding=(1, 1))  # type: ignore[arg-type]
        if out is None:
            assert size[0] * -(-size[1] // stride) * -(-size[2] // stride) < 256
            return
        low = [t.detach().bfloat16() for t in found]
        plain = F.conv2d(*low, stride=stride, padding=1)
    assert out.dtype == torch.bfloat16
    assert error(out.detach(), plain.double()) <= 2**-8
    grad = torch.randn_like(plain)
    gradients = torch.autograd.grad(out, found, grad)
    exact = [t.double().requires_grad_() for t in low]
    expected = torch.autograd.grad(F.conv2d(*exact, stride=stride, padding=1), exact, grad.double())
    assert [g.dtype for g in gradients] == [dtype] * len(found)
    # Rounded to bfloat16 once, or not at all where the parameter is float32; that of x is a product in bfloat16.
    for value, true, rounding in zip(gradients, expected, (2**-8, *[1e-6 if autocast else 2**-8] * 2), strict=False):
        assert error(value, true) <= rounding


@pytest.mark.parametrize("wrong", [False, True])
def test_a_linear_in_bfloat16_looks_the_gradient_of_its_weight_up(wrong: bool) -> None:
    torch.manual_seed(0)
    rows, grad = (torch.rand(300, 150) < 0.3).bfloat16(), torch.randn(300, 40).bfloat16()
    rows[299, 149] = 0.5 if wrong else 1.0
    found = weight_gradient(rows, grad)
    assert (found is None) == wrong
    if found is not None:
        assert error(found, grad.double().t() @ rows.double()) < 1e-6
    weight = torch.randn(40, 150, dtype=torch.bfloat16, requires_grad=True)
    (through,) = torch.autograd.grad(linear(rows.view(4, 75, 150), weight), weight, grad.view(4, 75, 40))
    assert error(through, grad.double().t() @ rows.double()) <= 2**-8


def test_long_sums_stay_as_exact_as_torchs() -> None:
    torch.manual_seed(0)
    x, grad = spikes(64, 64, 16, 16), torch.randn(64, 16, 16, 16)
    weight = torch.randn(16, 64, 3, 3, requires_grad=True)
    out = lookup(x, weight, None, padding=(1, 1))
    assert out is not None
    (found,) = torch.autograd.grad(out, weight, grad)
    double = weight.detach().double().requires_grad_()
    (exact,) = torch.autograd.grad(F.conv2d(x.double(), double, padding=1), double, grad.double())
    (plain,) = torch.autograd.grad(F.conv2d(x, weight, padding=1), weight, grad)
    assert error(found, exact) < max(1e-6, 2 * error(plain, exact))


@pytest.mark.parametrize("wrong", [0.5, 2.0, -1.0, float("nan"), float("inf"), 1 + 2**-23])
def test_anything_but_spikes_is_refused(wrong: float) -> None:
    weight = torch.randn(16, 24, 3, 3)
    x = spikes(2, 24, 16, 16)
    assert lookup(x, weight, None, padding=(1, 1)) is not None
    x[1, 23, 15, 15] = wrong
    assert lookup(x, weight, None, padding=(1, 1)) is None


def test_it_saves_a_bit_for_each_spike() -> None:
    x, weight = spikes(4, 64, 16, 16).requires_grad_(), torch.randn(32, 64, 3, 3, requires_grad=True)
    saved: list[Tensor] = []
    with saved_tensors_hooks(lambda t: (saved.append(t), t)[1], lambda t: t):
        assert lookup(x, weight, torch.zeros(32), padding=(1, 1)) is not None
    assert sum(t.nbytes for t in saved if t.data_ptr() != weight.data_ptr()) == x.numel() // 8


def test_threads_change_no_bit() -> None:
    torch.manual_seed(0)
    x, weight = spikes(8, 96, 16, 16), torch.randn(100, 96, 3, 3, requires_grad=True)
    grad = torch.randn(8, 100, 16, 16)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            out = lookup(x, weight, None, padding=(1, 1))
            assert out is not None
            results.append((out.detach(), torch.autograd.grad(out, weight, grad)[0]))
    finally:
        torch.set_num_threads(before)
    for out, gradient in results[1:]:
        assert torch.equal(out, results[0][0])
        assert torch.equal(gradient, results[0][1])


def test_nothing_is_left_of_what_memory_held(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = spikes(3, 40, 11, 13), torch.randn(37, 40, 3, 3, requires_grad=True)
    grad, empty = torch.randn(3, 37, 11, 13), torch.empty

    def poisoned(*args: object, **words: object) -> Tensor:
        memory: Tensor = empty(*args, **words)  # type: ignore[call-overload]
        return memory.fill_(float("nan") if memory.is_floating_point() else -1)

    monkeypatch.setattr(torch, "empty", poisoned)
    out = lookup(x, weight, None, padding=(1, 1))
    assert out is not None
    (gradient,) = torch.autograd.grad(out, weight, grad)
    assert out.isfinite().all()
    assert gradient.isfinite().all()
    torch.testing.assert_close(out, F.conv2d(x, weight, padding=1), rtol=1e-5, atol=1e-4)


def test_the_switch_and_autocast_turn_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = spikes(2, 24, 16, 16), torch.randn(16, 24, 3, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert lookup(x, weight, None) is None  # nothing learns
    with torch.autocast("cpu", torch.float16):
        assert lookup(x, weight.requires_grad_(), None) is None
    weight.requires_grad_(False)
    assert lookup(x.double(), weight.double(), None) is None
    monkeypatch.setenv(VARIABLE, "lookup=reference")
    assert lookup(x, weight, None) is None


@pytest.mark.parametrize("name", ["conv", "linear"])
def test_layers_that_declare_spikes_take_it_and_say_the_same(name: str) -> None:
    torch.manual_seed(0)
    x = spikes(8, 24 if name == "conv" else 128, 8, 8)
    declared: list[torch.nn.Module] = []
    for inputs in (BINARY, REAL):
        torch.manual_seed(1)
        conv = Conv2d(24, 32, inputs=inputs, bias=True)
        declared.append(conv if name == "conv" else Linear(128, 32, inputs=inputs))
    frames = x.view(2, 4, *x.shape[1:])
    found, expected = (layer(frames) for layer in declared)
    assert "LookupConvolution" in graph(found)
    assert "LookupConvolution" not in graph(expected)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert found.stride(2) == 1
    # A declaration that does not hold costs time, not exactness.
    assert torch.equal(declared[0](frames * 0.5), declared[1](frames * 0.5))


def graph(out: Tensor) -> str:
    """The names of what computed a tensor."""
    names, todo = [], [out.grad_fn]
    while todo:
        if (node := todo.pop()) is not None:
            names.append(node.name())
            todo.extend(before for before, _ in node.next_functions)
    return " ".join(names)
