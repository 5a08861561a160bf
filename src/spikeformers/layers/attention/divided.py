"""Divided attention: softmax attention along time and then along space, as one branch of any block."""

from __future__ import annotations

from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.residual import SPIKES_JOIN, Add
from spikeformers.layers.space_time import attention_branches
from spikeformers.layers.unit import Unit


@attention("divided")
class DividedAttention(TakesMemory):
    """t(x) + s(x + t(x)): t attends over the time steps of each place, s over the places of each time step.

    Each is a LayerNorm and softmax attention of real values; t ends in a linear that starts at zero (Spikeformer, Li,
    Lei, Yang, 2022; TimeSformer, Bertasius et al., ICML 2021). Added to x as it is, with the membrane shortcut, that is
    Spikeformer's pair of branches. The other shortcuts, which are ours, end it in a norm and, where spikes join the
    stream, in a neuron.

    It takes what reaches it for real numbers, spikes as well.

    Args:
        plan: what it is built from; the projections are its own.

    Raises:
        ConfigError: heads do not divide the channels.
    """

    twin = None

    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__()
        if plan.dim % plan.heads:
            raise ConfigError(f"channels must be multiples of heads, got {plan.dim} channels and {plan.heads} heads.")
        for along, branch in attention_branches("divided", plan.dim, plan.heads).items():
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
            NotStreamable: there is a memory; it attends over time.
        """
        temporal = self.get_submodule("temporal")(x, memory)
        spatial = self.get_submodule("spatial")(self.add(x, temporal), memory)
        out: Tensor = self.out(self.add(temporal, spatial), memory)
        return out
