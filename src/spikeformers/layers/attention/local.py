"""Local attention: each token attends to those of its own phase only (SGLFormer, Zhang et al., Front. Neurosci. 2024).

A map is split into g x g groups by row mod g and column mod g: strided, not windowed, so that each group is a coarser
copy of the whole map.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.errors import ConfigError, InputError
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.products import SpikingSelfAttention
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.attention.softmax import SoftmaxSelfAttention
from spikeformers.layers.memory import Memory


def split_by_phase(x: Tensor, group: int) -> Tensor:
    """Maps [T, B, C, H, W] -> their groups [T, B g g, C, H/g, W/g]; position (h, w) is in group g (h mod g) + w mod g.

    Raises:
        InputError: no maps, or height or width is no multiple of `group`.
    """
    if x.dim() != 5 or x.shape[3] % group or x.shape[4] % group:
        raise InputError(
            f"local attention splits maps [T, B, C, H, W] whose height and width are multiples of {group}, "
            f"got {list(x.shape)}. Take an image size that gives such maps, or another group."
        )
    x = torch.unflatten(torch.unflatten(x, 4, (-1, group)), 3, (-1, group))  # [T, B, C, H/g, g, W/g, g]
    return x.permute(0, 1, 4, 6, 2, 3, 5).flatten(1, 3)


def join_phases(x: Tensor, group: int) -> Tensor:
    """Groups [T, B g g, C, H/g, W/g] -> the maps [T, B, C, H, W] they are from: undoes `split_by_phase`."""
    x = torch.unflatten(x, 1, (-1, group, group))  # [T, B, g, g, C, H/g, W/g]
    return x.permute(0, 1, 4, 5, 2, 6, 3).flatten(5, 6).flatten(3, 4)


@attention("local_ssa")
class LocalSelfAttention(SpikingSelfAttention):
    """SSA within each of g x g groups of tokens: of H W / g^2 tokens each, so Q K^T costs g^2 times less.

    Projections, norms and neurons see the whole map.

    Args:
        plan: what it is built from.
        group: g, groups in either direction; 1 is SSA.

    Raises:
        ConfigError: the group is not positive, or does not divide the plan's grid.
    """

    shown = "the sum of q · k over all heads and all queries of its group, for the key at each position"
    twin = "local_softmax"

    def __init__(self, plan: AttentionPlan, *, group: int = 2) -> None:
        _check(group, plan)
        super().__init__(plan)
        self.group = group

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, H, W] three times -> spikes in the shape of v."""
        groups = {name: split_by_phase(parts[name], self.group) for name in self.uses}
        q, k, v = (self.split(groups[name]) for name in self.uses)
        mixed = self.merge(self.attend(q, k, v), groups["v"])
        out: Tensor = self.neuron(join_phases(mixed, self.group), memory)
        return out

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N]."""
        groups = {name: split_by_phase(part, self.group) for name, part in parts.items()}
        return _joined(super().received(mixed, **groups), groups["q"], self.group)


@attention("local_softmax")
class LocalSoftmaxSelfAttention(SoftmaxSelfAttention):
    """Softmax attention within each of g x g groups of tokens: the ANN twin of `local_ssa`.

    Args:
        plan: what it is built from.
        group: g, groups in either direction; 1 is softmax attention over the whole map.

    Raises:
        ConfigError: the group is not positive, or does not divide the plan's grid.
    """

    shown = "the softmax weight that each position receives, mean over all heads and queries of its group"
    twin = None

    def __init__(self, plan: AttentionPlan, *, group: int = 2) -> None:
        _check(group, plan)
        super().__init__(plan)
        self.group = group

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, H, W] three times -> the shape of v."""
        groups = {name: split_by_phase(part, self.group) for name, part in parts.items()}
        return join_phases(super().mix(memory, **groups), self.group)

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N]."""
        groups = {name: split_by_phase(part, self.group) for name, part in parts.items()}
        return _joined(super().received(mixed, **groups), groups["q"], self.group)


def _joined(received: Tensor, like: Tensor, group: int) -> Tensor:
    """What the positions of each group receive, [T, B g g, N / g^2] -> of each map, [T, B, N]."""
    maps = torch.unflatten(received.unsqueeze(2), 3, like.shape[3:])
    return join_phases(maps, group).flatten(2)


def _check(group: int, plan: AttentionPlan) -> None:
    if group < 1:
        raise ConfigError(f"the group of local attention must be at least 1, got {group}.")
    if plan.grid is not None and any(size % group for size in plan.grid):
        height, width = plan.grid
        raise ConfigError(
            f"local attention in groups of {group} x {group} needs a map whose height and width are multiples of "
            f"{group}, got {height} x {width} tokens. Take another group or image_size."
        )
