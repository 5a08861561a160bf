"""Learned position and time tables that are added to tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpaceTimeEmbedding(nn.Module):
    """A table of positions, shared by all time steps, and a table of time steps, shared by all positions.

    Where a map or a number of steps differs from the built one, the table's nearest entries are taken.

    Args:
        dim: channels C.
        size: height and width of the map the table of positions is built for.
        time_steps: time steps the table of time is built for.
    """

    def __init__(self, dim: int, size: tuple[int, int], time_steps: int) -> None:
        super().__init__()
        self.size = size
        self.pos_embed = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, size[0] * size[1], dim), std=0.02))
        self.time_embed = nn.Parameter(torch.zeros(1, time_steps, dim))

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, H, W] -> the same."""
        table = torch.unflatten(self.pos_embed.transpose(1, 2), 2, self.size)  # [1, C, h, w]
        positions = F.interpolate(table, x.shape[3:], mode="nearest")
        steps = F.interpolate(self.time_embed.transpose(1, 2), x.shape[0], mode="nearest")  # [1, C, T]
        return x + positions + steps.permute(2, 0, 1)[..., None, None]
