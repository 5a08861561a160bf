"""The registered operator against the step-by-step reference, over everything the words can say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from spikeformers.ops import Dynamics, lif
from spikeformers.ops.lif import face
from spikeformers.ops.lif.operator import lif_operator
from spikeformers.ops.lif.reference import lif_reference
from tests.ops.drawing import Run, runs

Weights = tuple[Tensor | None, Tensor | None]


@contextmanager
def poisoned_memory() -> Iterator[None]:
    """Fill fresh memory with NaN: an element nobody writes cannot pass for a zero."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def test_the_poison_works() -> None:
    with poisoned_memory():
        assert torch.empty(3).isnan().all()
        assert torch.empty_like(torch.ones(2, 2)).isnan().all()


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Equal in every bit: 0 is not -0."""
    return a.dtype == b.dtype and torch.equal(a, b) and torch.equal(a.signbit(), b.signbit())


@settings(max_examples=200)
@given(runs(smooth=False))
def test_forward_is_equal_bit_for_bit(run: Run) -> None:
    with poisoned_memory():
        out, last = lif(run.x, run.v, run.dynamics, inverse_tau=run.inverse_tau)
    expected, expected_last = lif_reference(run.x, run.v, run.dynamics, run.inverse_tau)
    assert same_bits(out, expected)
    assert same_bits(last, expected_last)


def gradients(run: Run, function: Callable[[Run], tuple[Tensor, Tensor]], weights: Weights) -> list[Tensor]:
    """Gradients of x, v and inverse_tau for a gradient coming in through the output, the last potential, or both."""
    pairs = [(y, w) for y, w in zip(function(run), weights, strict=True) if w is not None]
    grads = torch.autograd.grad([y for y, _ in pairs], run.leaves(), [w for _, w in pairs], allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for t, g in zip(run.leaves(), grads, strict=True)]


@settings(max_examples=200)
@given(run=runs(), through=st.sampled_from(["output", "last potential", "both"]))
def test_gradients_agree(run: Run, through: str) -> None:
    """Within 1e5 units in the last place of the largest gradient (1e-11 in float64, 1e-2 in float32).

    The formula is the same but the order of additions and products is not. Where the reset is not detached a step may
    multiply a gradient, and so its rounding error, by 1 + |v_reset - H| max|g| < 10; over five steps that bounds the
    growth by 1e5. The scale of inverse_tau's gradient is the sum of its terms, which may cancel.
    """
    generator = torch.Generator().manual_seed(1)
    weights: Weights = (
        None if through == "last potential" else torch.randn(run.x.shape, generator=generator, dtype=run.x.dtype),
        None if through == "output" else torch.randn(run.x.shape[1:], generator=generator, dtype=run.x.dtype),
    )
    d, eps = run.dynamics, torch.finfo(run.x.dtype).eps
    with poisoned_memory():
        got = gradients(run.fresh(), lambda r: lif(r.x, r.v, d, inverse_tau=r.inverse_tau), weights)
    expected = gradients(run.fresh(), lambda r: lif_reference(r.x, r.v, d, r.inverse_tau), weights)
    scale = 1 + max([g.abs().max().item() for g in expected if g.numel()], default=0.0)
    for leaf, a, b in zip(run.leaves(), got, expected, strict=True):
        terms = run.x.numel() if leaf is run.inverse_tau else 1
        assert a.shape == b.shape == leaf.shape
        assert a.dtype == b.dtype == leaf.dtype
        assert (a - b).abs().max().item() <= 1e5 * eps * scale * terms if a.numel() else True


@settings(max_examples=100)
@given(runs(dtype=torch.float64))
def test_smooth_forward_agrees(run: Run) -> None:
    """To 1e-12, not to the bit: torch may round sigmoid and atan differently in another memory layout."""
    out = lif(run.x, run.v, run.dynamics, inverse_tau=run.inverse_tau)
    torch.testing.assert_close(out, lif_reference(run.x, run.v, run.dynamics, run.inverse_tau), rtol=1e-12, atol=1e-12)


def steps_of(t: Tensor) -> list[int]:
    """Strides that are ever walked: an axis of size one has none that matters, and an empty tensor no axis."""
    return [stride for size, stride in zip(t.shape, t.stride(), strict=True) if size > 1 and t.numel()]


@settings(max_examples=100)
@given(runs())
def test_the_fake_rule_promises_what_comes(run: Run) -> None:
    """Shapes, dtypes and strides, for any layout of x and v: compiled code relies on them unseen."""
    words = run.dynamics.words
    out, last, kept = lif_operator(run.x, run.v, run.inverse_tau, True, words)
    with FakeTensorMode() as mode:
        fakes = [None if t is None else mode.from_tensor(t) for t in (run.x, run.v, run.inverse_tau)]
        fake_out, fake_last, fake_kept = lif_operator(*fakes, True, words)
    for real, fake in zip([out, last, *kept], [fake_out, fake_last, *fake_kept], strict=True):
        assert (real.shape, real.dtype, steps_of(real)) == (fake.shape, fake.dtype, steps_of(fake))


def test_only_h_is_kept_for_the_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One [...] per step: this is what makes long runs of large maps fit."""
    monkeypatch.setenv("SPIKEFORMERS_BACKEND", "reference")
    x, kept = torch.randn(5, 2, 3, requires_grad=True), []

    def count(t: Tensor) -> Tensor:
        kept.append(t.numel())
        return t

    with torch.autograd.graph.saved_tensors_hooks(count, lambda t: t):
        lif(x)
    assert kept == [6] * 5


@pytest.mark.parametrize(("enabled", "asked", "kept"), [(True, True, 5), (True, False, 0), (False, True, 0)])
def test_h_is_kept_only_for_a_gradient(enabled: bool, asked: bool, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluation runs at the memory of one step, whatever the number of steps."""
    monkeypatch.setenv("SPIKEFORMERS_BACKEND", "reference")
    seen: list[int] = []

    def watch(*arguments: Any) -> tuple[Tensor, Tensor, list[Tensor]]:
        result: tuple[Tensor, Tensor, list[Tensor]] = lif_operator(*arguments)
        seen.append(len(result[2]))
        return result

    monkeypatch.setattr(face, "lif_operator", watch)
    with torch.set_grad_enabled(enabled):
        out, last = lif(torch.randn(5, 2, 3, requires_grad=asked))
    assert seen == [kept]
    assert out.requires_grad == last.requires_grad == (kept > 0)


def test_a_gradient_not_prepared_for_is_refused() -> None:
    out, *_ = lif_operator(torch.randn(2, 3, requires_grad=True), None, None, False, Dynamics().words)
    with pytest.raises(RuntimeError, match="keep_h=False"):
        out.sum().backward()


def test_arguments_are_left_alone() -> None:
    x, v = torch.randn(4, 3), torch.randn(3)
    before = x.clone(), v.clone()
    lif(x, v)
    assert torch.equal(x, before[0])
    assert torch.equal(v, before[1])
