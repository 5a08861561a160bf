"""The Triton kernels of the LIF family against the reference: random neurons, shapes and layouts, poisoned memory.

Outputs and potentials in float32 are equal bit for bit. Gradients are held against the reference in float64, in runs
where it fires the same spikes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from spikeformers.ops import Dynamics
from spikeformers.ops.layout import by_channel, empty_like_steps, flat, laid_out_as, with_dense_steps
from spikeformers.ops.lif.reference import lif_reference
from tests.ops.drawing import Run, currents, dynamics, laid_out, runs
from tests.ops.jumps import sides
from tests.ops.poisoned import poisoned
from tests.ops.triton.running import DEVICE, require_triton

require_triton()
from spikeformers.ops.lif import triton as kernels  # noqa: E402


class Affine(NamedTuple):
    """What a norm does to channels, float32 [C]."""

    gain: Tensor
    mean: Tensor
    shift: Tensor

    @classmethod
    def drawn(cls, channels: int, seed: int) -> Affine:
        generator = torch.Generator().manual_seed(seed)
        return cls(*(torch.randn(channels, generator=generator) for _ in cls._fields))

    def __call__(self, x: Tensor) -> Tensor:
        gain, mean, shift = (t.to(x.dtype).view(-1, *[1] * (x.dim() - 3)) for t in self)
        return (x - mean) * gain + shift


class Result(NamedTuple):
    """What both passes give; gradients are those of a sum weighted with `weights`."""

    out: Tensor
    last: Tensor
    grad_z: Tensor
    grad_v: Tensor | None
    grad_k: Tensor | None
    sums: Tensor | None


def weights(run: Run, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = run.x.shape
    return tuple(torch.randn(s, generator=generator).to(run.x.dtype) for s in (shape, shape[1:]))  # type: ignore[return-value]


def through_kernels(run: Run, seed: int, affine: Affine | None = None) -> Result:
    """Both passes where the kernels run, brought back to the CPU."""
    x = with_dense_steps(run.x)
    layout = flat(x) if affine is None else by_channel(x)
    x, v, k = (None if t is None else t.to(DEVICE) for t in (x, run.v, run.inverse_tau))
    assert x is not None
    given_ones = {} if affine is None else {name: t.to(DEVICE) for name, t in affine._asdict().items()}
    of_out, of_last = (t.to(DEVICE) for t in weights(run, seed))
    with poisoned():
        v = None if v is None else laid_out_as(v, x[0])
        out, grad_x = empty_like_steps(x), empty_like_steps(x)
        last, grad_v = torch.empty_like(out[0]), None if v is None else torch.empty_like(out[0])
        sums = None if affine is None else x.new_empty(2, layout.channels, dtype=torch.float64)
        kernels.forward(x, layout, run.dynamics, inverse_tau=k, **given_ones, v=v, last=last, out=out)
        grad_k = kernels.backward(
            x, layout, run.dynamics, inverse_tau=k, **given_ones, v=v, grad_out=laid_out_as(of_out, out),
            grad_last=laid_out_as(of_last, last), grad_x=grad_x, grad_v=grad_v, sums=sums,
        )  # fmt: skip
    return Result(*(None if t is None else t.cpu() for t in (out, last, grad_x, grad_v, grad_k, sums)))  # type: ignore[arg-type]


def through_reference(run: Run, seed: int, dtype: torch.dtype, affine: Affine | None = None) -> Result:
    x, v, k = (None if t is None else t.to(dtype) for t in (run.x, run.v, run.inverse_tau))
    assert x is not None
    z = (x if affine is None else affine(x)).detach().requires_grad_()
    leaves = [t if t is None else t.detach().requires_grad_() for t in (v, k)]
    out, last = lif_reference(z, leaves[0], run.dynamics, leaves[1])
    wanted = [t for t in (z, *leaves) if t is not None]
    of_out, of_last = (t.to(dtype) for t in weights(run, seed))
    grads = iter(torch.autograd.grad([out, last], wanted, [of_out, of_last], materialize_grads=True))
    grad_z, grad_v, grad_k = (next(grads) if t is not None else None for t in (z, *leaves))
    assert grad_z is not None
    sums = None
    if affine is not None:
        deviation = x - affine.mean.to(dtype).view(-1, *[1] * (x.dim() - 3))
        sums = torch.stack([(grad_z * f).movedim(2, 0).flatten(1).sum(1) for f in (torch.ones_like(x), deviation)])
    return Result(out.detach(), last.detach(), grad_z, grad_v, grad_k, sums)


def sizes(run: Run, exact: Result, affine: Affine | None) -> dict[str, Tensor]:
    """What errors of the gradients are relative to: sums are to what they would be did no terms cancel.

    Of z and v each element has an error of its own, which is a tenth of 1 at least: where 1 - dS/dH cancels, what is
    left is the rounding of the weights of the loss.
    """
    x = run.x.double()
    z = x if affine is None else affine(x)
    of_z = exact.grad_z.abs() + 0.1
    found = {"grad_z": of_z}
    if exact.grad_v is not None:
        found["grad_v"] = exact.grad_v.abs() + 0.1
    if run.inverse_tau is not None:
        # By Cauchy and Schwarz: potentials are no larger than currents, the first potential, or one.
        potentials = z.norm() + (0.0 if run.v is None else run.v.double().norm()) + z.numel() ** 0.5
        found["grad_k"] = of_z.norm() * potentials / run.inverse_tau
    if affine is not None:
        deviation = (x - affine.mean.double().view(-1, *[1] * (x.dim() - 3))).abs()
        found["sums"] = torch.stack([(of_z * f).movedim(2, 0).flatten(1).sum(1) for f in (1.0, deviation)])
    return found


def check_gradients(got: Result, run: Run, seed: int, affine: Affine | None = None) -> None:
    exact = through_reference(run, seed, torch.float64, affine)
    # Where rounding to float32 moves a potential across a threshold, both are right and differ.
    single, double = (
        sides(run if affine is None else replace(run, x=affine(run.x.to(dtype))), dtype, dtype)
        for dtype in (torch.float32, torch.float64)
    )
    assume(torch.equal(single, double))
    of_each = sizes(run, exact, affine)
    for name in ("grad_z", "grad_v", "grad_k", "sums"):
        mine, theirs = getattr(got, name), getattr(exact, name)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert (mine.double() - theirs).norm() <= 1e-6 * of_each[name].norm(), name


@settings(max_examples=40)
@given(runs(smooth=False, dtype=torch.float32), st.integers(0, 2**31))
def test_any_neuron_on_any_input(run: Run, seed: int) -> None:
    got = through_kernels(run, seed)
    out, last = lif_reference(run.x, run.v, run.dynamics, run.inverse_tau)
    assert torch.equal(got.out, out)
    assert torch.equal(got.last, last)
    check_gradients(got, run, seed)


@st.composite
def normed_runs(draw: st.DrawFn) -> tuple[Run, Affine]:
    """Neurons behind an affine map of channels, in layouts with channels first, last or alone."""
    # One program for each channel where it does not lie innermost: more of them would test nothing more.
    C, layout = draw(
        st.sampled_from([(1, "contiguous"), (3, "contiguous"), (8, "channels last"), (70, "channels last")])
    )
    shape = (draw(st.integers(1, 3)), C, *draw(st.sampled_from([(5,), (4, 4), (49,), (1,)])))
    steps, seed = draw(st.integers(1, 5)), draw(st.integers(0, 2**31))
    x = laid_out(currents((steps, *shape), seed, torch.float32), layout)
    v = currents(shape, seed + 1, torch.float32) if draw(st.booleans()) else None
    k = torch.tensor(0.4) if draw(st.booleans()) else None
    return Run(draw(dynamics(smooth=False)), x, v, k), Affine.drawn(C, seed)


@settings(max_examples=40)
@given(normed_runs(), st.integers(0, 2**31))
def test_behind_an_affine_map_of_channels(case: tuple[Run, Affine], seed: int) -> None:
    run, affine = case
    got = through_kernels(run, seed, affine)
    out, last = lif_reference(affine(run.x), run.v, run.dynamics, run.inverse_tau)
    assert torch.equal(got.out, out)
    assert torch.equal(got.last, last)
    check_gradients(got, run, seed, affine)


@pytest.mark.parametrize("steps", [16, 17, 20])
@pytest.mark.parametrize("v_reset", [0.0, None])
def test_more_steps_than_are_unrolled(steps: int, v_reset: float | None) -> None:
    neuron = Dynamics(tau=1.5, v_reset=v_reset, detach_reset=False)
    run = Run(neuron, currents((steps, 2, 3, 40), steps, torch.float32), torch.randn(2, 3, 40), torch.tensor(0.6))
    affine = Affine.drawn(3, steps)
    got = through_kernels(run, 1, affine)
    expected = through_reference(run, 1, torch.float32, affine)
    assert torch.equal(got.out, expected.out)
    assert torch.equal(got.last, expected.last)
    for name in ("grad_z", "grad_v", "grad_k", "sums"):
        # Both in float32, each with its own order of summation, over up to 20 steps.
        torch.testing.assert_close(
            getattr(got, name).double(), getattr(expected, name).double(), rtol=2e-5, atol=2e-4, msg=name
        )


def test_offsets_of_64_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of steps of more than 2^31 elements, on smaller ones."""
    narrow = kernels.tiling
    monkeypatch.setattr(kernels, "tiling", lambda *layout: narrow(*layout)._replace(wide=True))
    run, affine = Run(Dynamics(), torch.randn(3, 2, 3, 50), torch.randn(2, 3, 50), None), Affine.drawn(3, 0)
    got, expected = through_kernels(run, 0, affine), through_reference(run, 0, torch.float32, affine)
    assert torch.equal(got.out, expected.out)
    torch.testing.assert_close(got.grad_z, expected.grad_z, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(1024,), (3000,), (3, 70, 33)])
def test_several_programs(size: tuple[int, ...]) -> None:
    run = Run(Dynamics(fire="ternary"), torch.randn(4, *size), torch.randn(size), None)
    got, expected = through_kernels(run, 0), through_reference(run, 0, torch.float32)
    assert torch.equal(got.out, expected.out)
    torch.testing.assert_close(got.grad_z, expected.grad_z, rtol=1e-5, atol=1e-6)


def as_stored(potential: Tensor, dtype: torch.dtype) -> Tensor:
    """A float32 potential as memory of that type would give it back, its gradient untouched."""
    if DEVICE == "cpu" and dtype == torch.bfloat16:
        # Triton's interpreter cuts bfloat16 off where a GPU rounds.
        stored = (potential.view(torch.int32) & -(1 << 16)).view(torch.float32)
    else:
        stored = potential.to(dtype).float()
    return potential + (stored - potential).detach()


def storing_between_steps(run: Run, seed: int) -> Result:
    """The reference in float32 that passes potentials on in the current's type."""
    dtype, d = run.x.dtype, run.dynamics
    x, v, k = (None if t is None else t.detach().float().requires_grad_() for t in (run.x, run.v, run.inverse_tau))
    assert x is not None
    outs, last = [], v
    for step in x.unbind():
        out, last = lif_reference(step.unsqueeze(0), last, d, k)
        last = as_stored(last, dtype)
        outs.append(out)
    out = torch.cat(outs)
    wanted = [t for t in (x, v, k) if t is not None]
    of_both = [t.float() for t in weights(run, seed)]
    grads = iter(torch.autograd.grad([out, last], wanted, of_both, materialize_grads=True))
    grad_x, grad_v, grad_k = (None if t is None else next(grads) for t in (x, v, k))
    assert grad_x is not None
    return Result(as_stored(out.detach(), dtype).to(dtype), last.detach().to(dtype), grad_x, grad_v, grad_k, None)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@settings(max_examples=15)
@given(run=runs(smooth=False, dtype=torch.float32), seed=st.integers(0, 2**31))
def test_halves_are_integrated_in_float32_and_passed_on_as_stored(dtype: torch.dtype, run: Run, seed: int) -> None:
    small = Run(run.dynamics, *(None if t is None else t.to(dtype) for t in (run.x, run.v, run.inverse_tau)))  # type: ignore[arg-type]
    got, exact = through_kernels(small, seed), storing_between_steps(small, seed)
    assert torch.equal(got.out, exact.out)
    assert torch.equal(got.last, exact.last)
    for name in ("grad_z", "grad_v"):
        mine, theirs = getattr(got, name), getattr(exact, name)
        if mine is not None:
            # Computed in float32, and rounded or cut off once.
            assert (mine.float() - theirs).norm() <= torch.finfo(dtype).eps * theirs.norm() + 1e-7, name


@pytest.mark.parametrize("shape", [(2, 8, 5), (1, 3, 16), (3, 16, 2, 4), (1, 1, 4104)])
@pytest.mark.parametrize("fire", ["binary", "ternary", "integer"])
@pytest.mark.parametrize("normed", [False, True])
def test_bits_are_where_it_fired(shape: tuple[int, ...], fire: str, normed: bool) -> None:
    x = torch.randn(5, *shape)
    if shape[-1] % 8:
        x = laid_out(x, "channels last")
    affine = Affine.drawn(shape[1], 0)
    neuron = Dynamics(fire=fire, v_reset=None)  # type: ignore[arg-type]
    bits = torch.full((5, x[0].numel() // 8), 0xFF, dtype=torch.uint8, device=DEVICE)
    given_ones = {name: t.to(DEVICE) for name, t in affine._asdict().items()} if normed else {}
    kernels.forward(x.to(DEVICE), by_channel(x), neuron, **given_ones, bits=bits)
    fired = lif_reference(affine(x) if normed else x, None, neuron)[0] != 0
    unpacked = ((bits.cpu().unsqueeze(-1) >> torch.arange(8, dtype=torch.uint8)) & 1).flatten(1)
    in_memory = laid_out_as(fired, x).as_strided((5, x[0].numel()), (x[0].numel(), 1))
    assert torch.equal(unpacked.bool(), in_memory)


@pytest.mark.parametrize("fire", ["binary", "integer"])
def test_output_as_bytes(fire: str) -> None:
    x = torch.randn(3, 4, 33)
    neuron = Dynamics(fire=fire, v_reset=None)  # type: ignore[arg-type]
    out = torch.full_like(x, 99, dtype=torch.uint8, device=DEVICE)
    kernels.forward(x.to(DEVICE), flat(x), neuron, out=out)
    assert torch.equal(out.cpu(), lif_reference(x, None, neuron)[0].to(torch.uint8))
