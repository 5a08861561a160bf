"""Attentions of every word in small sizes, with spikes flowing, and what their parts saw."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikeformers.layers import AttentionPlan, SelfAttention, Vocabulary, build_attention, integers, linear_projection
from spikeformers.layers.norms import BatchNorm

T, B, DIM, HEADS = 4, 2, 8, 2  # four channels in a head


def build(word: str = "ssa", *, dim: int = DIM, heads: int = HEADS, bias: bool = False, **words: Any) -> SelfAttention:
    """The attention of that word, with a bias on the way back and norms that let about every third neuron fire.

    Args:
        bias: of queries, keys and values.
        words: of the plan; `init` is that of the projections.
    """
    torch.manual_seed(0)
    init = words.pop("init", "kaiming_uniform")
    plan: dict[str, Any] = {
        "inputs": integers(2),
        "vocabulary": Vocabulary(),
        "shortcut": "sew",
        "scale": 0.125,
        "qkv": linear_projection(bias=bias, init=init),
        "out": linear_projection(bias=True, init=init),
        **words,
    }
    attention = build_attention(word, AttentionPlan(dim=dim, heads=heads, **plan))
    for norm in attention.modules():
        if isinstance(norm, BatchNorm):
            nn.init.constant_(norm.bias, 1.5)
    return attention


def randomise(attention: nn.Module, seed: int = 3) -> None:
    """Norms and biases as training might leave them: none of their numbers is 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    for module in attention.modules():
        if isinstance(module, BatchNorm):
            for name, low, high in (
                ("weight", 0.5, 2),
                ("bias", 0.5, 2),
                ("running_mean", -1, 1),
                ("running_var", 0.5, 2),
            ):
                getattr(module, name).data.uniform_(low, high, generator=generator)


def tokens(N: int, dim: int = DIM) -> Tensor:
    """A stream of integers 0..2 [T, B, C, N]."""
    return torch.randint(0, 3, (T, B, dim, N), generator=torch.Generator().manual_seed(1)).float()


def watch(attention: SelfAttention, x: Tensor) -> dict[str, Tensor]:
    """What came out of each unit and product and what the neuron behind them saw, with batch statistics."""
    seen: dict[str, Tensor] = {}
    watched = [(name, attention.get_submodule(name)) for name in (*attention.uses, "inner") if hasattr(attention, name)]
    handles = [
        unit.register_forward_hook(lambda module, inputs, output, word=word: seen.update({word: output.detach()}))
        for word, unit in watched
    ]
    neuron = attention.get_submodule("neuron")
    handles.append(neuron.register_forward_pre_hook(lambda module, inputs: seen.update(attended=inputs[0].detach())))
    seen["out"] = attention.train()(x).detach()
    for handle in handles:
        handle.remove()
    return seen
