"""Softmax attention along space, along time, or over both, as one branch of any block."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.residual import SPIKES_JOIN, Add
from spikeformers.layers.space_time import SpaceTime, attention_branches
from spikeformers.layers.unit import Unit


class SpaceTimeBranch(TakesMemory):
    """What Spikeformer's attention branches add to x, one after the other: t(x) + s(x + t(x)) where there are two.

    Each is a LayerNorm and softmax attention of real values; one along time ends in a linear that starts at zero
    (Spikeformer, Li, Lei, Yang, 2022; TimeSformer, Bertasius et al., ICML 2021). Added to x as it is, with the membrane
    shortcut, that is what Spikeformer does. The other shortcuts, which are ours, end it in a norm and, where spikes
    join the stream, in a neuron.

    It takes what reaches it for real numbers, spikes as well. Whatever attends over time cannot be streamed.

    Args:
        plan: what it is built from; the projections are its own.

    Raises:
        ConfigError: heads do not divide the channels.
    """

    twin = None
    word: ClassVar[SpaceTime]

    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__()
        if plan.dim % plan.heads:
            raise ConfigError(f"channels must be multiples of heads, got {plan.dim} channels and {plan.heads} heads.")
        branches = attention_branches(self.word, plan.dim, plan.heads)
        self.along = tuple(branches)
        for along, branch in branches.items():
            self.add_module(along, branch)
        self.add = Add()
        self.out = Unit()
        if plan.shortcut != "membrane":
            self.out.add_module("norm", plan.vocabulary.build_norm(plan.dim))
        if plan.shortcut in SPIKES_JOIN:
            self.out.add_module("neuron", plan.vocabulary.build_neuron())

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same.

        Raises:
            NotStreamable: there is a memory, and it attends over time.
        """
        first, *others = self.along
        total: Tensor = self.get_submodule(first)(x, memory)
        for along in others:
            total = self.add(total, self.get_submodule(along)(self.add(x, total), memory))
        out: Tensor = self.out(total, memory)
        return out


@attention("divided")
class DividedAttention(SpaceTimeBranch):
    """Along the time steps of each place, then along the places of each time step."""

    word = "divided"


@attention("spatial")
class SpatialAttention(SpaceTimeBranch):
    """Along the places of each time step."""

    word = "spatial"


@attention("temporal")
class TemporalAttention(SpaceTimeBranch):
    """Along the time steps of each place."""

    word = "temporal"


@attention("joint")
class JointAttention(SpaceTimeBranch):
    """Over all places of all time steps."""

    word = "joint"
