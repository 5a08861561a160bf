"""`torch.ops.spikeformers.lif`: the LIF family as one registered operator, with fake and autograd rules.

The forward pass keeps only the membrane potentials H, and keeps them only when a gradient will be asked for.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, library

from spikeformers.ops.lif.adjoint import lif_adjoint
from spikeformers.ops.lif.dynamics import Dynamics, charge, count, emit, fire, reset


@library.custom_op("spikeformers::lif", mutates_args=())
def lif_operator(
    x: Tensor, v: Tensor | None, inverse_tau: Tensor | None, keep_h: bool, words: str
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Output [T, ...], last membrane potential [...], and the T potentials H [...] before firing (none if not kept)."""
    dynamics = Dynamics.from_words(words)
    out = torch.empty_like(x)
    kept: list[Tensor] = []
    # Laid out as x, else the strides of v would spread to H and to the last potential, where x's are promised.
    potential: Tensor | float = dynamics.rest if v is None else torch.empty_like(x[0]).copy_(v)
    for t in range(x.shape[0]):
        h = charge(x[t], potential, dynamics, inverse_tau)
        spikes = fire(h, dynamics)
        out[t] = emit(h, spikes, dynamics)
        potential = reset(h, count(h, spikes, dynamics), dynamics)
        if keep_h:
            kept.append(h)
    assert isinstance(potential, Tensor)
    return out, potential, kept


@lif_operator.register_fake
def _fake(x: Tensor, v: Tensor | None, inverse_tau: Tensor | None, keep_h: bool, words: str) -> Any:
    return torch.empty_like(x), torch.empty_like(x[0]), [torch.empty_like(x_t) for x_t in x] if keep_h else []


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, list[Tensor]]) -> None:
    x, v, inverse_tau, keep_h, words = inputs
    ctx.dynamics = Dynamics.from_words(words)
    # x is needed for the gradient of 1/tau alone.
    ctx.save_for_backward(x if inverse_tau is not None else None, v, inverse_tau, *output[2])
    ctx.keep_h = keep_h
    ctx.set_materialize_grads(False)


def _backward(ctx: Any, grad_out: Tensor | None, grad_v: Tensor | None, grad_h: list[Tensor | None]) -> tuple[Any, ...]:
    if not ctx.keep_h:
        raise RuntimeError("spikeformers::lif ran with keep_h=False: its gradient was not prepared for.")
    x, v, inverse_tau, *h = ctx.saved_tensors
    grad_x, grad_state, grad_k = lif_adjoint(grad_out, grad_v, grad_h, x, v, h, ctx.dynamics, inverse_tau)
    return grad_x, None if v is None else grad_state, grad_k, None, None


lif_operator.register_autograd(_backward, setup_context=_setup_context)
