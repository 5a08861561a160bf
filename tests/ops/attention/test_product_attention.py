"""The fused attention against its reference in float64: on spikes it is the same to the bit, gradients to rounding.

Spikes come in random shapes and layouts, results go into poisoned memory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, library

from spikeformers import native
from spikeformers.ops import Dynamics, Surrogate
from spikeformers.ops.attention import operator, product_attention, serves
from spikeformers.ops.attention.operator import product_attention_backward, product_attention_operator
from spikeformers.ops.attention.reference import attention_reference
from spikeformers.ops.lif.reference import lif_reference
from spikeformers.ops.saving import compact_saving
from tests.ops.poisoned import poisoned, threads

pytestmark = pytest.mark.skipif(native.library() is None, reason=f"no native library: {native.status().reason}")

LAYOUTS = ["rows", "channels first", "every other", "one tensor"]
orders = pytest.mark.parametrize("keys_first", [True, False])


class Case(NamedTuple):
    """Spikes q, k [T, B, N, C] and v [T, B, N, C'], and the weights [T, B, N, C'] of the loss."""

    q: Tensor
    k: Tensor
    v: Tensor
    weights: Tensor
    heads: int
    scale: float
    inverse_tau: Tensor | None
    dynamics: Dynamics


def laid_out(spikes: list[Tensor], layout: str) -> list[Tensor]:
    """The same values in other places."""
    if layout == "channels first":
        return [each.transpose(-1, -2).contiguous().transpose(-1, -2) for each in spikes]
    if layout == "every other":
        return [each.repeat_interleave(2, dim=-2)[..., ::2, :] for each in spikes]
    if layout == "one tensor":
        sizes = [each.shape[-1] for each in spikes]
        return list(torch.cat(spikes, -1).split(sizes, -1))
    return spikes


def drawn(
    steps: int, batch: int, tokens: int, heads: int, channels: int, width: int, seed: int,
    layout: str = "rows", learned: bool = False,
) -> Case:  # fmt: skip
    generator = torch.Generator().manual_seed(seed)

    def spikes(size: int) -> Tensor:
        return (torch.rand(steps, batch, tokens, heads * size, generator=generator) < 0.4).float()

    q, k, v = laid_out([spikes(channels), spikes(channels), spikes(width)], layout)
    scale = 2.0 ** -max(0, round(math.log2(0.064 * tokens * channels)))  # so that it fires, and not always
    weights = torch.randn(v.shape, generator=generator)
    # Powers of two throughout: currents and potentials are exact in float32, so that float64 fires alike.
    dynamics = Dynamics(v_threshold=0.5, surrogate=Surrogate("atan"), detach_reset=False)
    k_of_tau = torch.tensor(0.25) if learned else None
    return Case(q, k, v, weights, heads, scale, k_of_tau, dynamics)


cases = st.builds(
    drawn, st.integers(1, 4), st.integers(1, 5), st.integers(1, 40), st.integers(1, 3), st.integers(1, 36),
    st.integers(1, 36), st.integers(0, 2**31), st.sampled_from(LAYOUTS), st.booleans(),
)  # fmt: skip


def run(case: Case, dtype: torch.dtype, *, keys_first: bool, reference: bool) -> tuple[Tensor, list[Tensor]]:
    """Output and gradients of a weighted sum of it."""
    leaves = [t.detach().to(dtype).requires_grad_() for t in case[:3]]
    k = None if case.inverse_tau is None else case.inverse_tau.to(dtype).requires_grad_()
    if reference:
        out = attention_reference(*leaves, k, case.heads, case.scale, keys_first, case.dynamics)
    else:
        out = product_attention(
            *leaves, case.heads, case.dynamics, scale=case.scale, keys_first=keys_first, inverse_tau=k
        )
    grads = torch.autograd.grad(out, leaves if k is None else [*leaves, k], case.weights.to(dtype))
    return out.detach(), list(grads)


def distance(got: Tensor, expected: Tensor) -> float:
    return (got.double() - expected.double()).norm().item()


def sizes(case: Case) -> list[float]:
    """The norm of each gradient did no terms cancel to it: what rounding the terms is to be measured against."""
    leaves = [t.double().requires_grad_() for t in case[:3]]
    of_heads = (each.unflatten(-1, (case.heads, -1)) for each in leaves)
    current = case.scale * torch.einsum("tbnhc,tbmhc,tbmhw->tbnhw", *of_heads).flatten(-2)
    tau = None if case.inverse_tau is None else case.inverse_tau.double()
    at = current.detach().requires_grad_()
    (grad,) = torch.autograd.grad(lif_reference(at, None, case.dynamics, tau)[0], at, case.weights.double())
    found = [each.norm().item() for each in torch.autograd.grad(current, leaves, grad.abs())]  # spikes are not negative
    if tau is not None:
        # By Cauchy and Schwarz: gradients of the current times potentials, which are no larger than that or one.
        found.append((grad.norm() / tau * (at.norm() + at.numel() ** 0.5)).item())
    return found


@orders
@settings(max_examples=40, deadline=None)
@given(case=cases, count=st.sampled_from([1, 2]), at_a_time=st.sampled_from([1, 2000, operator.CURRENT]))
def test_it_is_the_reference_in_float64(keys_first: bool, case: Case, count: int, at_a_time: int) -> None:
    with poisoned(), threads(count), pytest.MonkeyPatch.context() as patch:
        patch.setattr(operator, "CURRENT", at_a_time)
        out, got = run(case, torch.float32, keys_first=keys_first, reference=False)
    exact, expected = run(case, torch.float64, keys_first=True, reference=True)
    assert torch.equal(out.double(), exact)
    for mine, theirs, size in zip(got, expected, sizes(case), strict=True):
        assert distance(mine, theirs) <= 1e-6 * size + 1e-9


@orders
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@settings(max_examples=15, deadline=None)
@given(case=cases)
def test_halves_fire_as_float64_does(dtype: torch.dtype, keys_first: bool, case: Case) -> None:
    """Nothing is rounded in front of the membrane; gradients are rounded once, where they leave."""
    case = case._replace(weights=case.weights.to(dtype).float())
    with poisoned():
        out, got = run(case, dtype, keys_first=keys_first, reference=False)
    exact, expected = run(case, torch.float64, keys_first=True, reference=True)
    assert torch.equal(out.double(), exact)
    kind = torch.finfo(dtype)
    for mine, theirs, size in zip(got, expected, sizes(case), strict=True):
        # What leaves is rounded once: relative to a number, or to the least one that there is.
        once = kind.eps * theirs.norm() + kind.smallest_normal * kind.eps * mine.numel() ** 0.5
        assert distance(mine, theirs) <= once + 1e-6 * size


@orders
def test_work_for_several_threads(keys_first: bool) -> None:
    case = drawn(4, 2, 196, 2, 64, 64, 0)
    found = []
    for count in (1, 2):
        with poisoned(), threads(count):
            found.append(run(case, torch.float32, keys_first=keys_first, reference=False))
    exact, expected = run(case, torch.float64, keys_first=True, reference=True)
    for out, grads in found:
        assert torch.equal(out.double(), exact)
        assert 0.05 < out.mean() < 0.95
        for mine, theirs in zip(grads, expected, strict=True):
            assert distance(mine, theirs) <= 1e-6 * theirs.norm()


def test_queries_keys_and_values_are_all_that_is_kept() -> None:
    case = drawn(4, 2, 16, 2, 8, 8, 1)
    leaves, kept = [t.clone().requires_grad_() for t in case[:3]], []

    def keep(t: Tensor) -> Tensor:
        kept.append(t.data_ptr())
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        product_attention(*leaves, case.heads, case.dynamics)
    assert kept == [t.data_ptr() for t in leaves]


def test_they_are_kept_as_bits_once_for_one_storage() -> None:
    whole = (torch.rand(4, 2, 64, 96) < 0.3).float()
    grads, sizes = [], []
    for compact in (False, True):
        leaf = whole.clone().requires_grad_()
        case = drawn(4, 2, 64, 2, 16, 16, 1)

        def keep(t: Tensor) -> Tensor:
            sizes.append((t.data_ptr(), t.numel() * t.element_size()))
            return t

        sizes.clear()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            made = leaf * 1  # one storage, three views of it, as queries, keys and values of one projection are
            if compact:
                with compact_saving():
                    out = product_attention(*made.split(32, -1), 2, case.dynamics, scale=0.25)
            else:
                out = product_attention(*made.split(32, -1), 2, case.dynamics, scale=0.25)
        grads.append(torch.autograd.grad((out * case.weights).sum(), leaf)[0])
        if compact:
            bits = {place: size for place, size in sizes if size != case.weights.numel() * 4}
            assert list(bits.values()) == [whole.numel() // 8]
    assert torch.equal(*grads)


def test_second_derivative() -> None:
    case = drawn(3, 1, 5, 2, 3, 4, 2)

    def penalty(reference: bool) -> list[Tensor]:
        leaves = [t.double().requires_grad_() if reference else t.clone().requires_grad_() for t in case[:3]]
        if reference:
            out = attention_reference(*leaves, None, case.heads, case.scale, True, case.dynamics)
        else:
            out = product_attention(*leaves, case.heads, case.dynamics, scale=case.scale)
        first = torch.autograd.grad((out * case.weights).sum(), leaves, create_graph=True)
        return list(torch.autograd.grad(sum(g.square().sum() for g in first), leaves))  # type: ignore[arg-type]

    for mine, theirs in zip(penalty(False), penalty(True), strict=True):
        # Of squares of float32 gradients: a few roundings more than of the gradients themselves.
        assert distance(mine, theirs) <= 1e-5 * theirs.norm()
        assert theirs.any()


@orders
@pytest.mark.parametrize("layout", LAYOUTS)
def test_opcheck(keys_first: bool, layout: str) -> None:
    case = drawn(2, 2, 5, 2, 3, 4, 3, layout, learned=True)
    tensors = [t.requires_grad_() for t in (*case[:3], case.inverse_tau) if t is not None]
    rest = case.heads, case.scale, keys_first, case.dynamics.words
    library.opcheck(product_attention_operator, (*tensors, *rest))
    library.opcheck(product_attention_backward, (*(t.detach() for t in tensors), case.weights, *rest))


def test_compiled() -> None:
    case = drawn(2, 2, 5, 2, 3, 4, 4)
    fused = run(case, torch.float32, keys_first=True, reference=False)

    def loss(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return product_attention(q, k, v, case.heads, case.dynamics, scale=case.scale)

    leaves = [t.clone().requires_grad_() for t in case[:3]]
    out = torch.compile(loss, backend="aot_eager", fullgraph=True)(*leaves)
    assert torch.equal(out, fused[0])
    for mine, theirs in zip(torch.autograd.grad(out, leaves, case.weights), fused[1], strict=True):
        assert torch.equal(mine, theirs)


def test_what_it_leaves_to_plain_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    q = torch.zeros(2, 1, 3, 4)
    assert serves(q, q, q, Dynamics())
    assert not serves(q.double(), q.double(), q.double(), Dynamics())
    assert not serves(q, q, q.bfloat16(), Dynamics())
    assert not serves(q, q, q, Dynamics(surrogate=Surrogate(smooth=True)))
    assert not serves(q[..., :0], q[..., :0], q, Dynamics())
    for switch in ("attention=reference", "lif=reference", "reference"):
        monkeypatch.setenv("SPIKEFORMERS_BACKEND", switch)
        assert not serves(q, q, q, Dynamics())
