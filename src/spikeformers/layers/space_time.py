"""Softmax attention of real tokens along space, along time, or over both, as branches of a block.

Divided attention, one along time and then one along space, is TimeSformer's (Bertasius et al., ICML 2021); Spikeformer
(Li, Lei, Yang, 2022) uses it on the tokens of a spiking tokenizer.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from spikeformers.errors import NotStreamable
from spikeformers.layers.attention import Over, SoftmaxProduct
from spikeformers.layers.attention.shown import Show
from spikeformers.layers.layer_norm import LayerNorm
from spikeformers.layers.memory import Memory
from spikeformers.layers.values import REAL
from spikeformers.layers.weighted import Linear

Direction = Literal["temporal", "spatial", "joint"]
SpaceTime = Literal["divided", "spatial", "temporal", "joint"]

# Heads [T, B, h, d, N] become [..., positions, d]: the order of the axes, and how many of them are positions.
_VIEWS: dict[Direction, tuple[tuple[int, ...], int]] = {
    "temporal": ((1, 4, 2, 0, 3), 1),  # [B, N, h, T, d]
    "spatial": ((0, 1, 2, 4, 3), 1),  # [T, B, h, N, d]
    "joint": ((1, 2, 0, 4, 3), 2),  # [B, h, T, N, d]
}
_OVER: dict[Direction, Over] = {"temporal": "time", "spatial": "space", "joint": "space and time"}
_WEIGHT = "the softmax weight that each {}, mean over all queries and heads: 1 over {}"
_SHOWN: dict[Direction, str] = {
    "temporal": _WEIGHT.format("time step receives at each place", "the time steps of a place"),
    "spatial": _WEIGHT.format("position receives", "the whole map"),
    "joint": _WEIGHT.format("position receives at each time step", "all maps together"),
}


class SpaceTimeAttention(nn.Module):
    """Multi-head softmax attention: queries, keys and values of one linear without bias, and a linear back.

    Args:
        dim: channels C.
        heads: number of heads; head-major channels.
        along: "temporal" (the T steps of one place), "spatial" (the N places of one step) or "joint" (all of a sample).
    """

    def __init__(self, dim: int, heads: int, along: Direction) -> None:
        super().__init__()
        self.heads, self.along = heads, along
        self.over, self.shown = _OVER[along], _SHOWN[along]
        self.qkv = Linear(dim, 3 * dim, inputs=REAL, bias=False)
        self.product = SoftmaxProduct(dim // heads, timed=along == "spatial")
        self.projection = Linear(dim, dim, inputs=REAL)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same.

        Raises:
            NotStreamable: there is a memory, and it attends over time.
        """
        if memory is not None and self.along != "spatial":
            raise NotStreamable(
                f"{self.along} attention looks at all time steps at once, so that it cannot be run step by step. "
                "Give the model all frames in one call."
            )
        axes, positions = _VIEWS[self.along]
        parts = self.qkv(x).flatten(3).unflatten(2, (3, self.heads, -1)).unbind(2)  # 3 x [T, B, h, d, N]
        q, k, v = (part.permute(axes) for part in parts)
        places = q.shape[-1 - positions : -1]
        attended = self.product(*(part.flatten(-1 - positions, -2) for part in (q, k, v))).unflatten(-2, places)
        heads = attended.permute([axes.index(axis) for axis in range(5)])  # [T, B, h, d, N]
        out: Tensor = self.projection(heads.flatten(2, 3).unflatten(3, x.shape[3:]))
        return out

    def show_maps(self, show: Show) -> list[RemovableHandle]:
        """See `ShowsAttention`."""
        kept: list[Tensor] = []

        def weights(softmax: nn.Module, inputs: tuple[Tensor, ...], weights: Tensor) -> None:
            kept.append(weights.mean((-3, -2)))  # over heads and queries

        def attended(attention: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            T, grid, received = inputs[0].shape[0], inputs[0].shape[3:], kept.pop()
            if self.along == "temporal":
                received = received.permute(2, 0, 1)  # of [B, N, T]
            elif self.along == "joint":
                received = torch.unflatten(received, -1, (T, -1)).transpose(0, 1)  # of [B, T N]
            show(torch.unflatten(received, -1, grid))

        return [self.product.softmax.register_forward_hook(weights), self.register_forward_hook(attended)]

    def extra_repr(self) -> str:
        """Its two words."""
        return f"heads={self.heads}, along={self.along}"


class AttentionBranch(nn.Module):
    """A branch of real values: LayerNorm, attention and, where it is temporal, a linear that starts at zero.

    With that linear the temporal branch adds nothing at first (TimeSformer's and Spikeformer's start).
    """

    def __init__(self, dim: int, heads: int, along: Direction) -> None:
        super().__init__()
        self.norm = LayerNorm(dim)
        self.attention = SpaceTimeAttention(dim, heads, along)
        self.linear = Linear(dim, dim, inputs=REAL, init="zeros") if along == "temporal" else None

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same."""
        out: Tensor = self.attention(self.norm(x), memory)
        return out if self.linear is None else self.linear(out)


def attention_branches(word: SpaceTime, dim: int, heads: int) -> dict[str, nn.Module]:
    """The attention branches of a block, by their names and in their order.

    Args:
        word: "divided" is a temporal branch and then a spatial one; each other word is one branch.
        dim, heads: of every branch; their weights are separate.
    """
    directions: tuple[Direction, ...] = ("temporal", "spatial") if word == "divided" else (word,)
    return {along: AttentionBranch(dim, heads, along) for along in directions}
