"""Max-pooling without indices: output and gradient are those of PyTorch, bit by bit in float32."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spikeformers import native as core
from spikeformers.layers.pool import Dilate, MaxPool
from spikeformers.ops.backend import VARIABLE
from spikeformers.ops.pool import max_pool
from tests.ops.poisoned import poisoned, threads

pytestmark = pytest.mark.skipif(core.library() is None, reason="there is no native core")

HALVES = [torch.bfloat16, torch.float16]


@pytest.fixture(autouse=True)
def _at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel is right also where it is not the faster way."""
    monkeypatch.setattr("spikeformers.ops.pool.face.LEAST_CHANNELS", 1)


def maps(shape: tuple[int, ...], kind: str, *, rows: bool) -> Tensor:
    """Spikes and integers are full of ties; NaN and infinities are propagated, and zeros have signs."""
    x = torch.randn(shape)
    if kind == "spikes":
        x = (x > 0).float()
    elif kind == "integers":
        x = x.round()
    elif kind == "special":
        some = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0])
        x = some[torch.randint(0, len(some), shape)]
    elif kind == "nothing":
        x = torch.full(shape, -float("inf"))
    return x.contiguous(memory_format=torch.channels_last if rows else torch.contiguous_format)


def bits(x: Tensor) -> Tensor:
    return x.contiguous().view(torch.int32 if x.dtype == torch.float32 else torch.int16)


def laid_out(x: Tensor) -> list[int]:
    return [stride for size, stride in zip(x.shape, x.stride(), strict=True) if size > 1]


SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 37), st.integers(1, 40), st.integers(1, 9))
KINDS = st.sampled_from(["noise", "spikes", "integers", "special", "nothing"])


@settings(max_examples=150, deadline=None)
@given(
    shape=SHAPES,
    kind=KINDS,
    rows=st.booleans(),
    grad_rows=st.booleans(),
    stride=st.sampled_from([1, 2]),
    count=st.integers(1, 2),
    seed=st.integers(0, 2**31 - 1),
)
def test_float32_is_torch_to_the_bit(
    shape: tuple[int, ...], kind: str, rows: bool, grad_rows: bool, stride: int, count: int, seed: int
) -> None:
    torch.manual_seed(seed)
    x = maps(shape, kind, rows=rows)
    leaf, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected = F.max_pool2d(other, 3, stride, 1)
    grad = maps(tuple(expected.shape), "noise", rows=grad_rows)
    with poisoned(), threads(count):
        out = max_pool(leaf, stride)
        (found,) = torch.autograd.grad(out, leaf, grad)
    # PyTorch adds up in the order of memory: for the order of addition to be the same the layouts must be.
    (wanted,) = torch.autograd.grad(expected, other, grad.contiguous(memory_format=_format(expected)))
    assert laid_out(out) == laid_out(expected) or shape[1] == 1  # maps of one channel are both
    assert torch.equal(bits(out), bits(expected))
    assert torch.equal(bits(found), bits(wanted))


def _format(x: Tensor) -> torch.memory_format:
    return torch.contiguous_format if x.is_contiguous() else torch.channels_last


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, rows=st.booleans(), stride=st.sampled_from([1, 2]), dtype=st.sampled_from(HALVES))
def test_halves_have_exact_maxima_and_gradients_rounded_once(
    shape: tuple[int, ...], rows: bool, stride: int, dtype: torch.dtype
) -> None:
    x = maps(shape, "integers", rows=rows)
    half, single = x.to(dtype).requires_grad_(), x.clone().requires_grad_()
    out, expected = max_pool(half, stride), F.max_pool2d(single, 3, stride, 1)
    assert out.dtype == dtype
    assert torch.equal(out.float(), expected)
    grad = torch.randn(expected.shape).to(dtype)
    (found,) = torch.autograd.grad(out, half, grad)
    (wanted,) = torch.autograd.grad(expected, single, grad.float())
    assert torch.equal(found, wanted.to(dtype))


def test_it_saves_its_input_only() -> None:
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (saved.append(t), t)[1], lambda t: t):
        max_pool(x, 2)
    assert [t.data_ptr() for t in saved] == [x.data_ptr()]


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_have_gradients(stride: int) -> None:
    torch.manual_seed(0)
    x, grad = torch.randn(1, 2, 5, 5, requires_grad=True), torch.randn(1, 2, *[(5 - 1) // stride + 1] * 2)

    def twice(pool: object) -> Tensor:
        leaf = grad.clone().requires_grad_()
        (first,) = torch.autograd.grad(pool(x), x, leaf, create_graph=True)  # type: ignore[operator]
        return torch.autograd.grad(first.square().sum(), leaf)[0]

    assert torch.equal(twice(lambda x: max_pool(x, stride)), twice(lambda x: F.max_pool2d(x, 3, stride, 1)))


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_operator_keeps_the_rules_of_registered_ones(rows: bool, stride: int) -> None:
    x = maps((2, 5, 7, 6), "noise", rows=rows)
    torch.library.opcheck(torch.ops.spikeformers.max_pool.default, (x.requires_grad_(), stride))


def test_a_compiled_pool_is_the_same() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 6, 8, requires_grad=True)
    plain, compiled = MaxPool(), torch.compile(MaxPool(), backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x), plain(x))
    grads = [torch.autograd.grad(pool(x).square().sum(), x)[0] for pool in (plain, compiled)]
    assert torch.equal(*grads)


@pytest.mark.parametrize("layer", [MaxPool(), Dilate()])
def test_an_exported_program_needs_no_operation_of_ours(layer: torch.nn.Module) -> None:
    program = torch.export.export(layer, (torch.randn(2, 1, 3, 8, 8),))
    assert "spikeformers" not in str(program.graph)


def test_the_switch_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(1, 2, 4, 4, requires_grad=True)
    assert "max_pool" in max_pool(x, 2).grad_fn.name().lower().replace("spikeformers", "")  # type: ignore[union-attr]
    monkeypatch.setenv(VARIABLE, "pool=reference")
    assert max_pool(x, 2).grad_fn.name() == "MaxPool2DWithIndicesBackward0"  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_what_the_kernels_do_not_serve_is_left_to_torch(dtype: torch.dtype) -> None:
    x = torch.randn(3, 2, 4, 4, dtype=torch.float64) if dtype == torch.float64 else torch.randn(0, 2, 4, 4)
    assert torch.equal(max_pool(x, 2), F.max_pool2d(x, 3, 2, 1))
