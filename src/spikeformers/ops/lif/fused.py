"""The LIF family in one pass over memory, its gradient by recomputation: only the input is kept.

`torch.ops.spikeformers.lif_fused` and its backward run a kernel of the device the input is on. Where the gradient is
itself differentiated, the reference takes over.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, library

from spikeformers.ops.layout import empty_like_steps, flat, laid_out_as, with_dense_steps
from spikeformers.ops.lif.dynamics import Dynamics
from spikeformers.ops.lif.kernels import kernels_for
from spikeformers.ops.lif.reference import lif_reference


@library.custom_op("spikeformers::lif_fused", mutates_args=())
def lif_fused(
    x: Tensor, v: Tensor | None, inverse_tau: Tensor | None, keep_last: bool, words: str
) -> tuple[Tensor, Tensor]:
    """Output [T, ...] and the last membrane potential [...], which has no elements where it is not to be kept."""
    out, last = _fake(x, v, inverse_tau, keep_last, words)
    x = with_dense_steps(x)
    kernels_for("lif", x).forward(
        x, flat(x), Dynamics.from_words(words),
        inverse_tau=inverse_tau, v=None if v is None else laid_out_as(v, x[0]),
        last=last if keep_last else None, out=out,
    )  # fmt: skip
    return out, last


@lif_fused.register_fake
def _fake(
    x: Tensor, v: Tensor | None, inverse_tau: Tensor | None, keep_last: bool, words: str
) -> tuple[Tensor, Tensor]:
    out = empty_like_steps(with_dense_steps(x))
    return out, torch.empty_like(out[0]) if keep_last else x.new_empty(0)


@library.custom_op("spikeformers::lif_fused_backward", mutates_args=())
def lif_fused_backward(
    x: Tensor,
    v: Tensor | None,
    inverse_tau: Tensor | None,
    grad_out: Tensor | None,
    grad_last: Tensor | None,
    words: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x [T, ...], v [...] and inverse_tau; those of absent ones have no elements."""
    grad_x, grad_v, grad_k = _fake_backward(x, v, inverse_tau, grad_out, grad_last, words)
    x = with_dense_steps(x)
    of_k = kernels_for("lif", x).backward(
        x, flat(x), Dynamics.from_words(words),
        inverse_tau=inverse_tau, v=None if v is None else laid_out_as(v, x[0]),
        grad_out=None if grad_out is None else laid_out_as(grad_out.to(x.dtype), grad_x),
        grad_last=None if grad_last is None else laid_out_as(grad_last.to(x.dtype), grad_x[0]),
        grad_x=grad_x, grad_v=None if v is None else grad_v,
    )  # fmt: skip
    if of_k is not None:
        grad_k.fill_(of_k)
    return grad_x, grad_v, grad_k


@lif_fused_backward.register_fake
def _fake_backward(
    x: Tensor,
    v: Tensor | None,
    inverse_tau: Tensor | None,
    grad_out: Tensor | None,
    grad_last: Tensor | None,
    words: str,
) -> tuple[Tensor, Tensor, Tensor]:
    grad_x = empty_like_steps(with_dense_steps(x))
    grad_v = x.new_empty(0) if v is None else torch.empty_like(grad_x[0])
    return grad_x, grad_v, x.new_empty(0) if inverse_tau is None else torch.empty_like(inverse_tau)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, v, inverse_tau, ctx.keep_last, ctx.words = inputs
    ctx.save_for_backward(x, v, inverse_tau)
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad_out: Tensor | None, grad_last: Tensor | None) -> tuple[Tensor | None, ...]:
    x, v, inverse_tau = ctx.saved_tensors
    if not ctx.keep_last:
        grad_last = None
    if grad_out is None and grad_last is None:
        return None, None, None, None, None
    if torch.is_grad_enabled():
        return *_differentiable(x, v, inverse_tau, grad_out, grad_last, ctx.words), None, None
    grad_x, grad_v, grad_k = lif_fused_backward(x, v, inverse_tau, grad_out, grad_last, ctx.words)
    return grad_x, None if v is None else grad_v, None if inverse_tau is None else grad_k, None, None


def _differentiable(
    x: Tensor,
    v: Tensor | None,
    inverse_tau: Tensor | None,
    grad_out: Tensor | None,
    grad_last: Tensor | None,
    words: str,
) -> tuple[Tensor | None, ...]:
    """The same gradients with a graph of their own."""
    outputs = lif_reference(x, v, Dynamics.from_words(words), inverse_tau)
    wanted = [t for t in (x, v, inverse_tau) if t is not None and t.requires_grad]
    pairs = [(o, g) for o, g in zip(outputs, (grad_out, grad_last), strict=True) if g is not None and o.requires_grad]
    found = iter(
        torch.autograd.grad([o for o, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True)
    )
    return tuple(next(found) if t is not None and t.requires_grad else None for t in (x, v, inverse_tau))


lif_fused.register_autograd(_backward, setup_context=_setup_context)
