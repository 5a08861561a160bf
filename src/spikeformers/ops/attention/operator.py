"""`torch.ops.spikeformers.product_attention`: neuron(scale Q K^T V) as one operator that keeps q, k and v alone.

The current of the neuron is float32 whatever the dtype of the spikes: sums of spikes are exact in it up to 2^24, and
are not rounded on their way to the membrane. The backward pass makes it again. As many samples go at a time as leave
the current in the cache: there is never one of all. Where the gradient is itself differentiated, the reference takes
over.
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

CURRENT = 2**17  # elements of the current that are made at a time, if a sample has not more: half a MiB


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
    kernels, dynamics = kernels_for("lif", v), Dynamics.from_words(words)
    room, room_for_spikes = _room(v, v, torch.float32), _room(v, v)
    for rows, part in _parts(q, k, v, heads, scale, keys_first):
        current, spikes = _within(room, rows.v), _within(room_for_spikes, rows.v)
        native.forward(rows, current)
        kernels.forward(current, flat(current), dynamics, inverse_tau=inverse_tau, out=spikes)
        out[:, part] = spikes
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
    kernels, dynamics = kernels_for("lif", v), Dynamics.from_words(words)
    rooms = [_room(v, v, torch.float32), _room(v, v, torch.float32), _room(v, v)]
    rooms_made = [_room(each, v) for each in (q, k, v)]
    sum_k = 0.0
    for rows, part in _parts(q, k, v, heads, scale, keys_first):
        current, grad, grad_spikes = (_within(room, rows.v) for room in rooms)
        native.forward(rows, current)
        of_k = kernels.backward(
            current, flat(current), dynamics, inverse_tau=inverse_tau,
            grad_out=grad_spikes.copy_(grad_out[:, part]), grad_x=grad,
        )  # fmt: skip
        made = [_within(room, each) for room, each in zip(rooms_made, rows[:3], strict=True)]
        native.backward(rows, grad, *made)
        for of_all, of_part in zip(grads, made, strict=False):
            of_all[:, part] = of_part
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


def _room(rows: Tensor, values: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Memory for rows [T, B, N, C] of a part's samples: little enough for the cache, and used for the next, too."""
    samples = min(_samples_at_a_time(values), rows.shape[1])
    return torch.empty(samples * rows[:, 0].numel(), dtype=dtype or rows.dtype)


def _within(room: Tensor, rows: Tensor) -> Tensor:
    return room[: rows.numel()].view(rows.shape)


def _samples_at_a_time(v: Tensor) -> int:
    return max(1, CURRENT // v[:, 0].numel())


def _parts(q: Tensor, k: Tensor, v: Tensor, heads: int, scale: float, keys_first: bool) -> Iterator[tuple[Rows, slice]]:
    q, k, v = (native.channels_innermost(rows) for rows in (q, k, v))
    at_a_time = _samples_at_a_time(v)
    for first in range(0, v.shape[1], at_a_time):
        part = slice(first, first + at_a_time)
        yield Rows(q[:, part], k[:, part], v[:, part], heads, scale, keys_first), part


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
