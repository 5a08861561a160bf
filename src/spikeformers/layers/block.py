"""Transformer blocks: branches that join the residual stream one after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from spikeformers.layers.memory import Memory, streaming
from spikeformers.layers.recompute import recomputed
from spikeformers.layers.residual import Add


class Block(nn.Module):
    """x + branch(x) for each branch in the order given, over tokens [T, B, C, N] or maps [T, B, C, H, W].

    `Block(attention=..., mlp=...)` is the block of most papers; the names are those of the checkpoint.

    Args:
        join: makes the addition of each branch; a plain `Add` if absent.
        branches: modules that take activations and a memory.

    Attributes:
        recompute: whether a training pass keeps only the block's input and computes the rest again for the gradient.
    """

    def __init__(self, join: Callable[[], Add] = Add, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)
        self.joins = nn.ModuleDict({name: join() for name in branches})
        self.recompute = False

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same."""
        if self.recompute and self.training and not streaming(memory) and torch.is_grad_enabled():
            return recomputed(self, partial(self._branches, memory=memory), x)
        return self._branches(x, memory)

    def _branches(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        for name, join in self.joins.items():
            x = join(x, self.get_submodule(name)(x, memory), memory)
        return x


def drop_path_rates(highest: float, depth: int) -> list[float]:
    """Stochastic depth of each of `depth` blocks: linear from 0 in the first to `highest` in the last, as in timm."""
    return [highest * index / max(depth - 1, 1) for index in range(depth)]
