"""Transformer blocks: two branches that join the residual stream one after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikeformers.layers.attention import SpikingSelfAttention
from spikeformers.layers.memory import Memory
from spikeformers.layers.mlp import SpikingMLP
from spikeformers.layers.recompute import recomputed
from spikeformers.layers.residual import Add
from spikeformers.layers.values import Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Init


class Block(nn.Module):
    """x + attention(x), then x + mlp(x), over tokens [T, B, C, N].

    Args:
        attention, mlp: modules that take tokens and a memory.
        drop_path: probability with which a sample loses each branch in training (see Add).

    Attributes:
        recompute: whether a training pass keeps only the block's input and computes the rest again for the gradient.
    """

    def __init__(self, attention: nn.Module, mlp: nn.Module, *, drop_path: float = 0.0) -> None:
        super().__init__()
        self.attention, self.mlp = attention, mlp
        self.join = Add(drop_path)
        self.recompute = False

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, N] -> [T, B, C, N]."""
        if self.recompute and self.training and memory is None and torch.is_grad_enabled():
            return recomputed(self, self._branches, x)
        return self._branches(x, memory)

    def _branches(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        x = self.join(x, self.attention(x, memory), memory)
        out: Tensor = self.join(x, self.mlp(x, memory), memory)
        return out


def build_blocks(
    depth: int,
    dim: int,
    heads: int,
    *,
    inputs: Values,
    vocabulary: Vocabulary,
    mlp_ratio: float,
    scale: float,
    v_threshold: float,
    spike_first: bool,
    qkv_bias: bool,
    init: Init,
    drop_path: float = 0.0,
) -> nn.ModuleList:
    """`depth` blocks of spiking self-attention and MLP, each told which values reach it.

    Args:
        inputs: values of the tokens before the first block.
        mlp_ratio: hidden channels of the MLP over dim.
        scale, v_threshold: of the attention (see SpikingSelfAttention).
        spike_first: True for the membrane shortcut (Spikingformer), False for SEW-ADD (Spikformer).
        qkv_bias, init: of the projections.
        drop_path: of the last block; it grows linearly with depth from 0 in the first one, as in timm.
    """
    blocks = nn.ModuleList()
    values = inputs
    for index in range(depth):
        attention = SpikingSelfAttention(
            dim,
            heads,
            inputs=values,
            vocabulary=vocabulary,
            scale=scale,
            v_threshold=v_threshold,
            spike_first=spike_first,
            qkv_bias=qkv_bias,
            init=init,
        )
        values = Add.values(values, attention.values)
        mlp = SpikingMLP(
            dim, int(dim * mlp_ratio), inputs=values, vocabulary=vocabulary, spike_first=spike_first, init=init
        )
        values = Add.values(values, mlp.values)
        blocks.append(Block(attention, mlp, drop_path=drop_path * index / max(depth - 1, 1)))
    return blocks
