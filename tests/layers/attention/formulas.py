"""Every attention again in plain formulas over [T, B, C, N], one time step after another: the oracles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def lif(current: Tensor, v_threshold: float = 1.0, *, negative: bool = False) -> Tensor:
    """tau = 2, hard reset to 0; `negative` spikes are fired below the negative threshold."""
    v, spikes = torch.zeros_like(current[0]), []
    for x in current:
        v = v + (x - v) / 2
        spikes.append((v >= v_threshold).to(v.dtype) - negative * (v <= -v_threshold).to(v.dtype))
        v = v * (1 - spikes[-1].abs())
    return torch.stack(spikes)


def weighted(unit: nn.Module, x: Tensor) -> Tensor:
    """Linear and norm of a unit in eval mode, [T, B, C, N] -> [T, B, C', N]."""
    return normal(unit, linear(unit.get_submodule("linear"), x))


def linear(module: nn.Module, x: Tensor) -> Tensor:
    """[T, B, C, N] -> [T, B, C', N]."""
    state = module.state_dict()
    out = torch.einsum("oc,tbcn->tbon", state["weight"], x)
    return out + state["bias"].view(-1, 1) if "bias" in state else out


def normal(unit: nn.Module, x: Tensor) -> Tensor:
    """The norm of a unit in eval mode, [T, B, C, N] -> the same."""
    state = {name: tensor.view(-1, 1) for name, tensor in unit.get_submodule("norm").state_dict().items()}
    return (x - state["running_mean"]) / (state["running_var"] + 1e-5).sqrt() * state["weight"] + state["bias"]


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


def same_phase(size: tuple[int, int], group: int) -> Tensor:
    """[N, N], whether two places of a map have row and column of one phase."""
    rows, columns = (torch.arange(length) % group for length in size)
    phase = (group * rows.unsqueeze(1) + columns).flatten()
    return phase.unsqueeze(1) == phase


def local(
    q: Tensor, k: Tensor, v: Tensor, *, size: tuple[int, int], group: int, heads: int, scale: float, v_threshold: float
) -> Tensor:
    """SSA whose scores are zero between tokens of different phases."""
    q, k, v = (to_heads(x, heads) for x in (q, k, v))
    together = same_phase(size, group).to(q)
    mixed = torch.einsum("tbhnd,tbhmd,nm,tbhme->tbhne", q, k, together, v) * scale
    return lif(from_heads(mixed), v_threshold)


def in_chunks(q: Tensor, k: Tensor, v: Tensor, *, chunk: int, heads: int, v_threshold: float) -> Tensor:
    """STAtten: every step's queries with the keys and values of each step of its chunk; 1 / S of S x S tokens."""
    q, k, v = (to_heads(x, heads) for x in (q, k, v))
    mixed = torch.zeros_like(v)
    for t in range(len(q)):
        for s in range(len(q)):
            if t // chunk == s // chunk:
                mixed[t] += torch.einsum("bhnd,bhmd,bhme->bhne", q[t], k[s], v[s])
    return lif(from_heads(mixed) / q.shape[3] ** 0.5, v_threshold)


def agreement(q: Tensor, k: Tensor, v: Tensor, *, a: float, heads: int, scale: float, v_threshold: float) -> Tensor:
    """Similarity q k + a (1 - q) (1 - k), summed over channels, in the place of Q K^T."""
    q, k, v = (to_heads(x, heads) for x in (q, k, v))
    pairs = q.unsqueeze(4) * k.unsqueeze(3) + a * (1 - q.unsqueeze(4)) * (1 - k.unsqueeze(3))  # [T, B, h, N, M, d]
    return lif(from_heads(torch.einsum("tbhnm,tbhme->tbhne", pairs.sum(-1), v)) * scale, v_threshold)


def selected(q: Tensor, k: Tensor, v: Tensor, *, heads: int, v_threshold: float) -> Tensor:
    """A2OS2A without any multiplication: spikes select keys to add up, values whether a sum is added or taken off."""
    q, k, v = (to_heads(x, heads).unsqueeze(axis) for x, axis in ((q, 4), (k, 3), (v, 3)))
    scores = torch.where(q == 1, k, 0.0).sum(-1).unsqueeze(-1)  # [T, B, h, N, M, 1]
    mixed = torch.where(v == 1, scores, torch.where(v == -1, -scores, 0.0)).sum(4)
    return lif(from_heads(mixed), v_threshold)


def murmur(x: int) -> int:
    """The finaliser of MurmurHash3 on 32 bits, as its author gives it."""
    x = (x ^ (x >> 16)) * 0x85EBCA6B % 2**32
    x = (x ^ (x >> 13)) * 0xC2B2AE35 % 2**32
    return x ^ (x >> 16)


def frozen_map(seed: int, *, heads: int, tokens: int, density: float) -> Tensor:
    """[heads, N, N] of 0 and 1."""
    drawn = [
        [[murmur(murmur(murmur(seed ^ head) ^ n) ^ m) for m in range(tokens)] for n in range(tokens)]
        for head in range(heads)
    ]
    return (torch.tensor(drawn) < density * 2**32).double()


def frozen(v: Tensor, *, reached: Tensor, heads: int, scale: float, v_threshold: float) -> Tensor:
    """SN(scale R V)."""
    mixed = torch.einsum("hnm,tbhme->tbhne", reached, to_heads(v, heads))
    return lif(from_heads(mixed) * scale, v_threshold)


def cosines(size: int) -> Tensor:
    """Real part of the DFT matrix."""
    rows = [[math.cos(2 * math.pi * n * m / size) for m in range(size)] for n in range(size)]
    return torch.tensor(rows, dtype=torch.float64)


def haar(size: int) -> Tensor:
    """Row by row: constant, then of each scale +1 on the first half of a window and -1 on the second."""
    rows = [torch.ones(size)]
    window = size
    while window > 1:
        for start in range(0, size, window):
            row = torch.zeros(size)
            row[start : start + window // 2], row[start + window // 2 : start + window] = 1, -1
            rows.append(row)
        window //= 2
    matrix = torch.stack(rows).double()
    return matrix / matrix.norm(dim=1, keepdim=True)


def softmax(q: Tensor, k: Tensor, v: Tensor, *, heads: int, together: Tensor | None = None) -> Tensor:
    """The attention of Vaswani et al. as torch has it."""
    return from_heads(F.scaled_dot_product_attention(*(to_heads(x, heads) for x in (q, k, v)), attn_mask=together))


def branch(
    attention: nn.Module,
    x: Tensor,
    mix: Callable[..., Tensor],
    *,
    shortcut: str,
    fires: bool = True,
    neuron: Callable[[Tensor], Tensor] = lif,
    neurons: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType({}),
) -> Tensor:
    """A whole attention around that mixing, [T, B, C, N] -> the same.

    `fires` says whether q, k and v do, `neurons` which of them have one of their own.
    """
    if shortcut == "membrane":
        x = neuron(x)
    parts = {name: weighted(attention.get_submodule(name), x) for name in "qkv" if hasattr(attention, name)}
    mixed = mix(**{name: neurons.get(name, neuron)(part) if fires else part for name, part in parts.items()})
    return ended(weighted(attention.get_submodule("projection"), mixed), shortcut, neuron)


def ended(x: Tensor, shortcut: str, neuron: Callable[[Tensor], Tensor] = lif) -> Tensor:
    """What joins the stream."""
    return neuron(x) if shortcut in ("sew", "iand") else x


def transformed(attention: nn.Module, x: Tensor, matrix: Tensor, *, shortcut: str) -> Tensor:
    """A fixed matrix over the tokens, norm, and the neuron where the shortcut has it."""
    mixed = torch.einsum("nm,tbcm->tbcn", matrix, lif(x) if shortcut == "membrane" else x)
    return ended(normal(attention.get_submodule("unit"), mixed), shortcut)


def over_space_and_time(
    attention: nn.Module, x: Tensor, *, along: tuple[str, ...], heads: int, shortcut: str
) -> Tensor:
    """What these attentions add to x, each to what those before made of it, [T, B, C, N]."""
    out = torch.zeros_like(x)
    for word in along:
        out = out + _layer(attention.get_submodule(word), x + out, heads, word)
    return out if shortcut == "membrane" else ended(normal(attention.get_submodule("out"), out), shortcut)


def _layer(branch: nn.Module, x: Tensor, heads: int, along: str) -> Tensor:
    norm = {name: tensor.view(-1, 1) for name, tensor in branch.get_submodule("norm").state_dict().items()}
    centred = x - x.mean(2, keepdim=True)
    scaled = centred / (centred.square().mean(2, keepdim=True) + 1e-6).sqrt() * norm["weight"] + norm["bias"]
    qkv = linear(branch.get_submodule("attention.qkv"), scaled).chunk(3, 2)
    if along == "temporal":  # the steps of each place take the part of the tokens
        mixed = softmax(*(part.transpose(0, 3) for part in qkv), heads=heads).transpose(0, 3)
    elif along == "joint":  # all places of all steps do
        mixed = softmax(*(torch.cat(list(part), -1).unsqueeze(0) for part in qkv), heads=heads)
        mixed = torch.cat(mixed.chunk(len(x), -1))
    else:
        mixed = softmax(*qkv, heads=heads)
    out = linear(branch.get_submodule("attention.projection"), mixed)
    return linear(branch.get_submodule("linear"), out) if along == "temporal" else out
