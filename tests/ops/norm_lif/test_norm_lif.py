"""Batch norm and LIF as one operation against PyTorch's batch norm and the LIF reference, in float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, library

from spikeformers import native
from spikeformers.errors import InputError
from spikeformers.ops import Dynamics
from spikeformers.ops.lif.reference import lif_reference
from spikeformers.ops.norm_lif import norm_lif, norm_lif_reference
from spikeformers.ops.norm_lif.operator import norm_lif_backward, norm_lif_operator
from tests.ops.poisoned import poisoned, threads

pytestmark = pytest.mark.skipif(native.library() is None, reason=f"no native library: {native.status().reason}")


@dataclass
class Case:
    """Arguments of one call; those that are learned are leaves of autograd."""

    dynamics: Dynamics
    statistics: tuple[Tensor, Tensor] | None
    y: Tensor
    weight: Tensor
    bias: Tensor
    v: Tensor | None
    inverse_tau: Tensor | None

    def tensors(self, dtype: torch.dtype | None = None) -> list[Tensor | None]:
        names = (self.y, self.weight, self.bias, self.v, self.inverse_tau)
        return [None if t is None else t.detach().to(dtype or t.dtype).requires_grad_() for t in names]


@st.composite
def cases(draw: st.DrawFn, dtype: torch.dtype = torch.float32) -> Case:
    T, B, C = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.sampled_from([1, 3, 16, 48, 70]))
    space = draw(st.sampled_from([(64,), (8, 8), (33, 3)]))
    torch.manual_seed(draw(st.integers(0, 2**31)))
    y = torch.randn(T, B, C, *space) * 2 + draw(st.sampled_from([0.0, 3.0, -30.0]))
    layout = draw(st.sampled_from(["contiguous", "channels last", "one image", "batch first"]))
    if layout == "channels last":
        y = y.movedim(2, -1).contiguous().movedim(-1, 2)
    elif layout == "one image":
        y = y[:1].expand_as(y)
    elif layout == "batch first":
        y = y.transpose(0, 1).contiguous().transpose(0, 1)
    return Case(
        Dynamics(v_reset=draw(st.sampled_from([0.0, None])), detach_reset=draw(st.booleans())),
        (torch.randn(C), torch.rand(C) + 0.5) if draw(st.booleans()) else None,
        y.to(dtype),
        torch.rand(C) + 0.5,
        torch.randn(C),
        torch.randn(y.shape[1:]).to(dtype) if draw(st.booleans()) else None,
        torch.tensor(0.4) if draw(st.booleans()) else None,
    )


def run(case: Case, inputs: list[Any], *, reference: bool) -> tuple[Tensor, Tensor]:
    y, weight, bias, v, k = inputs
    if reference:
        mean, variance = (None, None) if case.statistics is None else (t.to(y.dtype) for t in case.statistics)
        return norm_lif_reference(y, weight, bias, mean, variance, 1e-5, v, k, case.dynamics)
    result = norm_lif(
        y, weight, bias, case.dynamics, statistics=case.statistics, v=v, inverse_tau=k, keep_last=True
    )  # fmt: skip
    assert result.last is not None
    return result.out, result.last


def grads(outputs: tuple[Tensor, Tensor], inputs: list[Tensor | None], weights: list[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(
        outputs, [t for t in inputs if t is not None], [w.to(o.dtype) for w, o in zip(weights, outputs, strict=True)]
    )
    return list(found)


def sizes_of_terms(case: Case, weights: list[Tensor], order: int) -> list[float]:
    """For each gradient, a norm (1: sum of sizes; 2: of squares) of the terms that may cancel to it, 0 for none."""
    y, weight, bias, v, k = case.tensors(torch.float64)
    mean, variance = (None, None) if case.statistics is None else (t.double() for t in case.statistics)
    assert y is not None
    unit = F.batch_norm(y.detach().flatten(0, 1).contiguous(), mean, variance, training=mean is None, momentum=0.0)
    # A weight and a bias for each element: their gradients are the terms.
    by_channel = [t.detach().view(-1, *[1] * (y.dim() - 3)).expand_as(y) for t in (weight, bias) if t is not None]
    each = [t.clone().requires_grad_() for t in by_channel]
    z = unit.view(y.shape) * each[0] + each[1]
    found = torch.autograd.grad(lif_reference(z, v, case.dynamics, k), each, [w.double() for w in weights])
    sizes = [0.0, *(terms.movedim(2, 0).flatten(1).norm(order, 1).norm().item() for terms in found)]
    sizes += [] if v is None else [0.0]
    if k is not None:
        potentials = z.norm() + (0.0 if v is None else v.norm()) + y.numel() ** 0.5
        sizes.append((found[1].norm() * potentials / k).item())
    return sizes


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from([1, 2]))
def test_outputs_and_gradients(case: Case, count: int) -> None:
    mine, theirs = case.tensors(), case.tensors(torch.float64)
    with poisoned(), threads(count):
        got = run(case, mine, reference=False)
    expected = run(case, theirs, reference=True)
    different = (got[0].double() != expected[0]).sum().item()
    # Rounding may move a potential that lies within 1e-7 of the threshold across it: at most one in a million.
    assert different <= max(1, got[0].numel() // 1_000_000)
    assume(not different)
    torch.testing.assert_close(got[1].double(), expected[1], rtol=1e-5, atol=1e-5)
    weights = [torch.randn(o.shape) for o in got]
    with poisoned(), threads(count):
        mine_grads = grads(got, mine, weights)
    sizes = sizes_of_terms(case, weights, 1)
    for a, b, size in zip(mine_grads, grads(expected, theirs, weights), sizes, strict=True):
        # Each is rounded to 6e-8 several times, and sums of terms of either sign cancel.
        assert (a.double() - b).norm() <= 1e-6 * (b.norm() + size) + 1e-12


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_gradients_in_halves(dtype: torch.dtype, data: st.DataObject) -> None:
    case = data.draw(cases(dtype))
    mine, theirs = case.tensors(), case.tensors(torch.float64)
    with poisoned():
        got = run(case, mine, reference=False)
    expected = run(case, theirs, reference=True)
    assume(torch.equal(got[0].double(), expected[0]))
    weights = [torch.randn(o.shape).to(dtype) for o in got]
    sizes = sizes_of_terms(case, weights, 2)
    for a, b, size in zip(grads(got, mine, weights), grads(expected, theirs, weights), sizes, strict=True):
        # Half precision of y, of dL/dz in between and of the result: three roundings, those of terms each its own.
        assert (a.double() - b).norm() <= 8 * torch.finfo(dtype).eps * (b.norm() + size)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_halves_misfire_at_most_twice_as_often_as_the_plain_ones(dtype: torch.dtype) -> None:
    """The plain ones take what a norm in float32 gives, rounded, and integrate in half precision."""
    y, weight, bias = torch.randn(4, 16, 64, 32, 32).to(dtype), torch.rand(64) + 0.5, torch.randn(64)
    case = Case(Dynamics(), None, y, weight, bias, None, None)
    expected = run(case, case.tensors(torch.float64), reference=True)[0]
    with poisoned():
        got = run(case, case.tensors(), reference=False)[0]
    plain = run(case, case.tensors(dtype), reference=True)[0]
    wrong, plainly_wrong = ((o.double() != expected).sum().item() for o in (got, plain))
    # Of four million: what chance does to such counts is small beside them.
    assert plainly_wrong > 100
    assert wrong <= 2 * plainly_wrong


@settings(max_examples=40, deadline=None)
@given(cases(torch.bfloat16))
def test_statistics_of_the_batch(case: Case) -> None:
    result = norm_lif(case.y, case.weight, case.bias, case.dynamics)
    values = case.y.double().movedim(2, 0).flatten(1)
    assert result.mean is not None
    assert result.variance is not None
    torch.testing.assert_close(result.mean.double(), values.mean(1), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(result.variance.double(), values.var(1, unbiased=False), rtol=1e-5, atol=1e-6)


def test_only_the_pre_activation_is_kept_of_what_is_large() -> None:
    y = torch.randn(4, 2, 16, 64, requires_grad=True)
    weight, bias, kept = torch.ones(16, requires_grad=True), torch.zeros(16, requires_grad=True), []

    def keep(t: Tensor) -> Tensor:
        kept.append(t)
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        norm_lif(y, weight, bias, Dynamics())
    assert [t.data_ptr() for t in kept if t.numel() > 16] == [y.data_ptr()]


def test_second_derivative() -> None:
    def penalty(reference: bool) -> Tensor:
        torch.manual_seed(0)
        y, weight = torch.randn(2, 3, 4, 16).requires_grad_(), torch.ones(4).requires_grad_()
        bias, dynamics = torch.zeros(4), Dynamics(detach_reset=False)
        if reference:
            out, _ = norm_lif_reference(y, weight, bias, None, None, 1e-5, None, None, dynamics)
        else:
            out = norm_lif(y, weight, bias, dynamics).out
        first = torch.autograd.grad(out.square().sum(), (y, weight), create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), y)[0]  # type: ignore[arg-type]

    torch.testing.assert_close(penalty(False), penalty(True), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("of_batch", [True, False])
def test_opcheck(of_batch: bool) -> None:
    y = torch.randn(2, 2, 3, 4, 4, requires_grad=True)
    weight, bias = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    mean, variance = torch.zeros(3), torch.ones(3)
    given_ones = (None, None) if of_batch else (mean, variance)
    words = Dynamics().words
    library.opcheck(norm_lif_operator, (y, weight, bias, *given_ones, 1e-5, None, None, True, words))
    plain = (y.detach(), weight.detach(), bias.detach(), mean, variance, of_batch, 1e-5, None, None)
    library.opcheck(norm_lif_backward, (*plain, torch.randn(2, 2, 3, 4, 4), None, words))


def test_a_potential_of_another_shape_is_refused() -> None:
    y, weight, bias = torch.randn(2, 3, 4, 8), torch.ones(4), torch.zeros(4)
    for wrong in (torch.zeros(3, 4, 4), torch.zeros(4, 3, 8), torch.zeros(3, 4, 8, dtype=torch.bfloat16)):
        with pytest.raises(InputError, match="membrane potential must be"):
            norm_lif(y, weight, bias, Dynamics(), v=wrong)
