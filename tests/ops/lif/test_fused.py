"""The fused kernels against the reference, on fresh random neurons, shapes and layouts, into poisoned memory.

Spikes and potentials in float32 are equal bit for bit: the order of arithmetic is the reference's. Gradients are held
against the reference in float64, which fires the same spikes because it is shown a run in which it does.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, library

from spikeformers import native
from spikeformers.ops import Dynamics, Surrogate, lif
from spikeformers.ops.layout import flat, with_dense_steps
from spikeformers.ops.lif import native as kernels
from spikeformers.ops.lif.fused import lif_fused, lif_fused_backward
from spikeformers.ops.lif.reference import lif_reference
from tests.ops.drawing import LAYOUTS, Run, currents, laid_out, runs
from tests.ops.jumps import alike
from tests.ops.poisoned import poisoned, threads

pytestmark = pytest.mark.skipif(native.library() is None, reason=f"no native library: {native.status().reason}")

HALVES = [torch.bfloat16, torch.float16]


def gradients(
    run: Run, seed: int, dtype: torch.dtype, reference: bool, of_loss: Tensor | None = None
) -> tuple[list[Tensor], list[Tensor | None]]:
    """Outputs and gradients of one weighted sum of them, in a dtype; `of_loss`: of these elements only."""
    leaves = [t.detach().to(dtype).requires_grad_() for t in run.leaves()]
    rest = iter(leaves)
    x, v, k = (None if t is None else next(rest) for t in (run.x, run.v, run.inverse_tau))
    assert x is not None
    outputs = lif_reference(x, v, run.dynamics, k) if reference else lif(x, v, run.dynamics, inverse_tau=k)
    assert outputs[1] is not None
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(o.shape, generator=generator).to(run.x.dtype).to(dtype) for o in outputs]
    if of_loss is not None:
        weights = [w * of_loss for w in weights]
    return list(outputs), list(torch.autograd.grad(list(outputs), leaves, weights, allow_unused=True))


def norm(tensor: Tensor | None) -> float:
    return 0.0 if tensor is None else tensor.double().norm().item()


def distance(got: Tensor | None, expected: Tensor | None) -> float:
    if got is None or expected is None:
        return max(norm(got), norm(expected))
    return (got.double() - expected.double()).norm().item()


def sizes(run: Run, expected: list[Tensor | None]) -> list[float]:
    """What an error of each gradient is measured against: its norm, or more where large terms cancel to it."""
    found = [norm(g) for g in expected]
    if run.inverse_tau is not None and run.inverse_tau.dim() == 0:
        # One number that a sum over all elements cancels to: by Cauchy and Schwarz its terms are no larger than this.
        terms = norm(expected[0]) / run.inverse_tau.item() * (norm(run.x) + norm(run.v) + run.x.numel() ** 0.5)
        found[-1] += terms
    return found


@settings(max_examples=150)
@given(runs(smooth=False, dtype=torch.float32), st.sampled_from([1, 2]))
def test_outputs_bit_for_bit(run: Run, count: int) -> None:
    with poisoned(), threads(count):
        out, last = lif(run.x, run.v, run.dynamics, inverse_tau=run.inverse_tau)
    expected, expected_last = lif_reference(run.x, run.v, run.dynamics, run.inverse_tau)
    assert torch.equal(out, expected)
    assert last is not None
    assert torch.equal(last, expected_last)


@settings(max_examples=150)
@given(runs(smooth=False, dtype=torch.float32), st.integers(0, 2**31))
def test_gradients(run: Run, seed: int) -> None:
    with poisoned():
        outputs, got = gradients(run, seed, torch.float32, reference=False)
    exact, expected = gradients(run, seed, torch.float64, reference=True)
    # Where rounding to float32 moves a potential across a threshold, both are right and differ.
    assume(all(torch.allclose(a.double(), b, atol=1e-5) for a, b in zip(outputs, exact, strict=True)))
    assume(alike(run, [(torch.float32, torch.float32)]).all())
    single = gradients(run, seed, torch.float32, reference=True)[1]
    for mine, theirs, plain, size in zip(got, expected, single, sizes(run, expected), strict=True):
        # Where sums of large terms cancel, the float32 reference loses more, too; where 1 - dS/dH does, what is left
        # is the rounding of the weights of the loss, each about 1.
        slack = 2 * distance(plain, theirs) + 1e-7 * run.x.numel() ** 0.5
        assert distance(mine, theirs) <= 1e-6 * size + slack


@st.composite
def many(draw: st.DrawFn, dtype: torch.dtype) -> Run:
    """Any neuron on a thousand elements: of few, one rounding that happens to be lucky decides."""
    run = draw(runs(smooth=False, dtype=torch.float32))
    shape, seed = (20, 5, 10), draw(st.integers(0, 2**31))
    x = laid_out(currents((len(run.x), *shape), seed, dtype), draw(st.sampled_from(LAYOUTS)))
    v = None if run.v is None else currents(shape, seed + 1, dtype)
    return Run(run.dynamics, x, v, None if run.inverse_tau is None else run.inverse_tau.to(dtype))


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**31))
def test_halves_lose_at_most_twice_what_the_plain_ones_lose(dtype: torch.dtype, data: st.DataObject, seed: int) -> None:
    run = data.draw(many(dtype))
    of_loss = alike(run, [(torch.float32, dtype), (dtype, dtype)])
    with poisoned():
        _, got = gradients(run, seed, dtype, reference=False, of_loss=of_loss)
    _, expected = gradients(run, seed, torch.float64, reference=True, of_loss=of_loss)
    _, plain = gradients(run, seed, dtype, reference=True, of_loss=of_loss)
    for mine, theirs, rounded, size in zip(got, expected, plain, sizes(run, expected), strict=True):
        # What leaves is rounded to half precision once, whatever was computed.
        assert distance(mine, theirs) <= 2 * distance(rounded, theirs) + torch.finfo(dtype).eps * size + 1e-6


@settings(max_examples=40)
@given(runs(smooth=False, dtype=torch.float32))
def test_the_number_of_threads_changes_nothing(run: Run) -> None:
    found = []
    for count in (1, 2):
        with threads(count):
            found.append(gradients(run, 3, torch.float32, reference=False)[1])
    for one, two in zip(*found, strict=True):
        assert (one is None and two is None) or torch.equal(one, two)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(40_000,), (3, 37, 129)])
def test_work_for_several_threads(shape: tuple[int, ...]) -> None:
    """Larger than one piece of work, with a remainder behind the last whole vector."""
    x, v = torch.randn(4, *shape), torch.randn(shape)
    for count in (1, 2):
        with poisoned(), threads(count):
            out, last = lif(x, v)
        expected, expected_last = lif_reference(x, v, Dynamics())
        assert torch.equal(out, expected)
        assert last is not None
        assert torch.equal(last, expected_last)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(600_001,), (75, 8000)])
def test_gradients_that_no_cache_holds_are_whole(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Vectors of large outputs are written past the caches where they are aligned."""
    x, weights = torch.randn(8, *shape).to(dtype), torch.randn(8, *shape).to(dtype)
    assert x.nbytes > 8 * 2**20
    found = []
    for part in (slice(None), slice(0, 1000)):
        leaf = x[..., part].contiguous().requires_grad_()
        with poisoned(), threads(2):
            found.append(torch.autograd.grad(lif(leaf)[0], leaf, weights[..., part].contiguous())[0])
    assert found[0].isfinite().all()
    assert torch.equal(found[0][..., :1000], found[1])


@pytest.mark.parametrize("size", [8, 64, 1000, 4104])
@pytest.mark.parametrize("fire", ["binary", "ternary", "integer"])
def test_bits_are_where_it_fired(size: int, fire: str) -> None:
    x = torch.randn(5, size)
    dynamics = Dynamics(fire=fire, v_reset=None)  # type: ignore[arg-type]
    bits = torch.full((5, size // 8), 0xFF, dtype=torch.uint8)
    kernels.forward(x, flat(x), dynamics, bits=bits)
    fired = lif_reference(x, None, dynamics)[0] != 0
    unpacked = (bits.unsqueeze(-1) >> torch.arange(8, dtype=torch.uint8)) & 1
    assert torch.equal(unpacked.reshape(5, size).bool(), fired)


def test_only_the_input_is_kept_for_the_gradient() -> None:
    x, kept = torch.randn(5, 2, 3, requires_grad=True), []

    def keep(t: Tensor) -> Tensor:
        kept.append(t.data_ptr())
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        lif(x)
    assert kept == [x.data_ptr()]


def test_nothing_is_kept_of_the_potential_nobody_wants() -> None:
    out, last = lif(torch.randn(3, 4), keep_last=False)
    assert out.shape == (3, 4)
    assert last is None


@pytest.mark.parametrize("v_reset", [0.0, None])
def test_second_derivative(v_reset: float | None) -> None:
    """The reference takes over where the gradient is differentiated."""
    dynamics = Dynamics(v_reset=v_reset, surrogate=Surrogate("atan"), detach_reset=False)

    def penalty(reference: bool) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(3, 7, generator=generator).requires_grad_()
        out = (lif_reference(x, None, dynamics) if reference else lif(x, None, dynamics))[0]
        first = torch.autograd.grad(out.square().sum(), x, create_graph=True)[0]
        return torch.autograd.grad(first.square().sum(), x)[0]

    torch.testing.assert_close(penalty(False), penalty(True))


@pytest.mark.parametrize("layout", ["contiguous", "slice", "expanded"])
@pytest.mark.parametrize("learned", [False, True])
def test_opcheck(layout: str, learned: bool) -> None:
    x = torch.randn(4, 2, 3)
    x = {"contiguous": x, "slice": torch.randn(4, 2, 6)[..., ::2], "expanded": x[:1].expand_as(x)}[layout]
    x.requires_grad_()
    k = torch.tensor(0.4, requires_grad=True) if learned else None
    library.opcheck(lif_fused, (x, torch.randn(2, 3, requires_grad=True), k, True, Dynamics().words))
    x, k = x.detach(), None if k is None else k.detach()
    library.opcheck(lif_fused_backward, (x, None, k, torch.randn(4, 2, 3), None, Dynamics().words))


def test_what_the_kernels_do_not_serve_goes_to_the_reference() -> None:
    x = torch.randn(2, 3)
    assert kernels.serves(x, Dynamics())
    assert not kernels.serves(x.double(), Dynamics())
    assert not kernels.serves(x, Dynamics(surrogate=Surrogate(smooth=True)))


def test_layouts_it_walks_through_without_a_copy() -> None:
    x = torch.randn(4, 2, 3, 5)
    for view in (x, x.movedim(1, -1), x[:, :1], x[::2], x[:1].expand(4, -1, -1, -1)):
        assert with_dense_steps(view) is view
    assert with_dense_steps(x[..., ::2]).is_contiguous()
