"""`torch.ops.spikeformers.product_attention`: neuron(scale Q K^T V) as one operator that keeps q, k and v alone.

The current of the neuron is float32 whatever the dtype of the spikes: sums of spikes are exact in it up to 2^24, and
are not rounded on their way to the membrane. The backward pass makes it again. Samples go one after another, so that
there is a current of one of them only. Where the gradient is itself differentiated, the reference takes over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, library

from spikeformers.ops.attention import native
from spikeformers.ops.attention.native import Rows
from spikeformers.ops.attention.reference import attention_reference
from spikeformers.ops.layout import flat
from spikeformers.ops.lif.dynamics import Dynamics
from spikeformers.ops.lif.kernels import kernels_for


@library.custom_op("spikeformers::product_attention", mutates_args=())
def product_attention_operator(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    inverse_tau: Tensor | None,
    heads: int,
    scale: float,
    keys_first: bool,
    words: str,
) -> Tensor:
    """Spikes [T, B, N, C'] of queries and keys [T, B, N, C] and values [T, B, N, C'], contiguous."""
    out: Tensor = _fake(q, k, v, inverse_tau, heads, scale, keys_first, words)
    current, spikes = _of_a_sample(v, torch.float32), _of_a_sample(v, v.dtype)
    for sample, rows in enumerate(_samples(q, k, v, heads, scale, keys_first)):
        native.forward(rows, current)
        kernels_for("lif", current).forward(
            current, flat(current), Dynamics.from_words(words), inverse_tau=inverse_tau, out=spikes
        )
        out[:, sample] = spikes
    return out


@product_attention_operator.register_fake
def _fake(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    inverse_tau: Tensor | None,
    heads: int,
    scale: float,
    keys_first: bool,
    words: str,
) -> Tensor:
    return v.new_empty(v.shape)


@library.custom_op("spikeformers::product_attention_backward", mutates_args=())
def product_attention_backward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    inverse_tau: Tensor | None,
    grad_out: Tensor,
    heads: int,
    scale: float,
    keys_first: bool,
    words: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of q, k, v, contiguous, and of inverse_tau, without elements where there is none."""
    grads: tuple[Tensor, Tensor, Tensor, Tensor] = _fake_backward(
        q, k, v, inverse_tau, grad_out, heads, scale, keys_first, words
    )
    current, grad, grad_spikes = (_of_a_sample(v, dtype) for dtype in (torch.float32, torch.float32, v.dtype))
    made = [_of_a_sample(rows, rows.dtype) for rows in (q, k, v)]
    sum_k = 0.0
    for sample, rows in enumerate(_samples(q, k, v, heads, scale, keys_first)):
        native.forward(rows, current)
        of_k = kernels_for("lif", current).backward(
            current, flat(current), Dynamics.from_words(words), inverse_tau=inverse_tau,
            grad_out=grad_spikes.copy_(grad_out[:, sample]), grad_x=grad,
        )  # fmt: skip
        native.backward(rows, grad, *made)
        for of_all, of_sample in zip(grads, made, strict=False):
            of_all[:, sample] = of_sample
        sum_k += of_k or 0.0
    if inverse_tau is not None:
        grads[3].fill_(sum_k)
    return grads


@product_attention_backward.register_fake
def _fake_backward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    inverse_tau: Tensor | None,
    grad_out: Tensor,
    heads: int,
    scale: float,
    keys_first: bool,
    words: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    grad_k = q.new_empty(0) if inverse_tau is None else torch.empty_like(inverse_tau)
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape), grad_k


def _of_a_sample(rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Memory for rows [T, N, C] of one of [T, B, N, C]: little enough for the cache, and used for the next, too."""
    return torch.empty(rows.shape[0], *rows.shape[2:], dtype=dtype)


def _samples(q: Tensor, k: Tensor, v: Tensor, heads: int, scale: float, keys_first: bool) -> Iterator[Rows]:
    q, k, v = (native.channels_innermost(rows) for rows in (q, k, v))
    for sample in range(v.shape[1]):
        yield Rows(q[:, sample], k[:, sample], v[:, sample], heads, scale, keys_first)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.heads, ctx.scale, ctx.keys_first, ctx.words = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
    q, k, v, inverse_tau = tensors = ctx.saved_tensors
    rest = ctx.heads, ctx.scale, ctx.keys_first
    if torch.is_grad_enabled():
        # With a graph of its own, which a gradient of the gradient goes through.
        out = attention_reference(q, k, v, inverse_tau, *rest, Dynamics.from_words(ctx.words))
        wanted = [t for t in tensors if t is not None and t.requires_grad]
        found = iter(torch.autograd.grad(out, wanted, grad_out, create_graph=True, allow_unused=True))
        grads = [next(found) if t is not None and t.requires_grad else None for t in tensors]
    else:
        made = product_attention_backward(q, k, v, inverse_tau, grad_out, *rest, ctx.words)
        grads = [None if t is None else grad for t, grad in zip(tensors, made, strict=True)]
    return *grads, None, None, None, None


product_attention_operator.register_autograd(_backward, setup_context=_setup_context)
