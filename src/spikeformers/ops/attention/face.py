"""The face of the operation: decides what runs it."""

from __future__ import annotations

from torch import Tensor

from spikeformers.errors import InputError
from spikeformers.ops.attention.operator import product_attention_operator
from spikeformers.ops.backend import choose, plain_wanted
from spikeformers.ops.lif import kernels
from spikeformers.ops.lif.dynamics import Dynamics


def serves(q: Tensor, k: Tensor, v: Tensor, dynamics: Dynamics) -> bool:
    """Whether there is a fused kernel for this neuron on these spikes, and it is not switched off."""
    return (
        not plain_wanted()
        and q.device.type == "cpu"
        and choose("attention", "cpu").backend == "native"
        and q.dtype == k.dtype == v.dtype
        and min(q.numel(), v.numel()) > 0
        and kernels.serves("lif", q, dynamics)
    )


def product_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    dynamics: Dynamics,
    *,
    scale: float = 1.0,
    keys_first: bool = True,
    inverse_tau: Tensor | None = None,
) -> Tensor:
    """neuron(scale Q K^T V) for each head, from rest: SSA.

    Products are summed and the neuron is integrated in float32, whatever the dtype: of spikes every sum below 2^24 is
    exact, and the current is rounded once, by the scale. In bfloat16 and float16 the result is therefore that of
    float32, and not that of products which are rounded each.

    Args:
        q, k: what `serves`, [T, B, N, C]; channels innermost are read without a copy.
        v: [T, B, N, C'].
        heads: how many; head-major channels.
        dynamics: the neuron.
        scale: constant on the product.
        keys_first: K^T V first, or else Q K^T.
        inverse_tau: as `ops.lif`.

    Returns:
        [T, B, N, C'], contiguous.

    Raises:
        InputError: q, k and v do not fit each other, or the heads do not divide their channels.
    """
    fit = q.shape == k.shape and q.dim() == v.dim() == 4 and q.shape[:3] == v.shape[:3]
    if not fit or q.shape[-1] % heads or v.shape[-1] % heads:
        raise InputError(
            f"attention takes queries and keys [T, B, N, C] and values [T, B, N, C'] whose channels {heads} heads "
            f"divide, got {list(q.shape)}, {list(k.shape)} and {list(v.shape)}."
        )
    out: Tensor = product_attention_operator(q, k, v, inverse_tau, heads, scale, keys_first, dynamics.words)
    return out
