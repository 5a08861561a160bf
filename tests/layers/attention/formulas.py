"""Every attention again in plain formulas over [T, B, C, N], one time step after another: the oracles."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def lif(current: Tensor, v_threshold: float = 1.0) -> Tensor:
    """tau = 2, hard reset to 0."""
    v, spikes = torch.zeros_like(current[0]), []
    for x in current:
        v = v + (x - v) / 2
        spikes.append((v >= v_threshold).to(v.dtype))
        v = v * (1 - spikes[-1])
    return torch.stack(spikes)


def weighted(unit: nn.Module, x: Tensor) -> Tensor:
    """Linear and norm of a unit in eval mode, [T, B, C, N] -> [T, B, C', N]."""
    state = {name: tensor if tensor.dim() > 1 else tensor.view(-1, 1) for name, tensor in unit.state_dict().items()}
    out = torch.einsum("oc,tbcn->tbon", state["linear.weight"], x) + state.get("linear.bias", 0)
    normal = (out - state["norm.running_mean"]) / (state["norm.running_var"] + 1e-5).sqrt()
    return normal * state["norm.weight"] + state["norm.bias"]


def to_heads(x: Tensor, heads: int) -> Tensor:
    """[T, B, C, N] -> [T, B, h, N, d], as the papers lay them out."""
    T, B, C, N = x.shape
    return x.reshape(T, B, heads, C // heads, N).transpose(-1, -2)


def from_heads(x: Tensor) -> Tensor:
    """[T, B, h, N, d] -> [T, B, C, N]."""
    T, B, h, N, d = x.shape
    return x.transpose(-1, -2).reshape(T, B, h * d, N)


def product(q: Tensor, k: Tensor, v: Tensor, *, heads: int, scale: float, v_threshold: float) -> Tensor:
    """SSA and SDSA-3: SN(scale Q K^T V)."""
    q, k, v = (to_heads(x, heads) for x in (q, k, v))
    mixed = torch.einsum("tbhnd,tbhmd,tbhme->tbhne", q, k, v) * scale
    return lif(from_heads(mixed), v_threshold)


def mask(q: Tensor, k: Tensor, v: Tensor, *, v_threshold: float) -> Tensor:
    """SDSA-1: Q (*) SN(sum over positions of K (*) V)."""
    counts = torch.einsum("tbcn,tbcn->tbc", k, v)
    return torch.einsum("tbcn,tbc->tbcn", q, lif(counts, v_threshold))


def eroded_mask(q: Tensor, k: Tensor, v: Tensor, *, size: tuple[int, int], heads: int, v_threshold: float) -> Tensor:
    """SDSA-1 of event data, pooled as the authors' code pools: keys and values over H, W, products over N, d."""

    def pool(x: Tensor) -> Tensor:
        return F.max_pool3d(x, (1, 3, 3), 1, (0, 1, 1))

    k, v = (pool(x.unflatten(3, size)).flatten(3) for x in (k, v))
    q, k, v = (to_heads(x, heads) for x in (q, k, v))
    counts = torch.stack([pool(step) for step in k * v]).sum(-2)  # [T, B, h, d]
    gated = q * lif(counts, v_threshold).unsqueeze(-2)
    return from_heads(torch.stack([pool(step) for step in gated]))


def query_mask(q: Tensor, v: Tensor, *, v_threshold: float) -> Tensor:
    """SDSA-2: SN(sum over positions of Q) (*) V."""
    return lif(q.sum(-1), v_threshold).unsqueeze(-1) * v


def token_gate(q: Tensor, k: Tensor, *, heads: int, v_threshold: float) -> Tensor:
    """Q-K token attention: SN(sum of Q over the channels of a head) (*) K."""
    counts = to_heads(q, heads).sum(-1)  # [T, B, h, N]
    return from_heads(lif(counts, v_threshold).unsqueeze(-1) * to_heads(k, heads))


def softmax(q: Tensor, k: Tensor, v: Tensor, *, heads: int) -> Tensor:
    """The attention of Vaswani et al. as torch has it."""
    return from_heads(F.scaled_dot_product_attention(*(to_heads(x, heads) for x in (q, k, v))))


def branch(
    attention: nn.Module,
    x: Tensor,
    mix: Callable[..., Tensor],
    *,
    shortcut: str,
    fires: bool = True,
    neuron: Callable[[Tensor], Tensor] = lif,
) -> Tensor:
    """A whole attention around that mixing, [T, B, C, N] -> the same; `fires` says whether q, k and v do."""
    if shortcut == "membrane":
        x = neuron(x)
    parts = {name: weighted(attention.get_submodule(name), x) for name in "qkv" if hasattr(attention, name)}
    mixed = mix(**{name: neuron(part) if fires else part for name, part in parts.items()})
    out = weighted(attention.get_submodule("projection"), mixed)
    return neuron(out) if shortcut == "sew" else out
