"""What every self-attention here shares: projections to queries, keys and values, and one back to the stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from spikeformers.errors import ConfigError
from spikeformers.layers.attention.interaction import build_interaction
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.shown import Over, Show
from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.residual import SPIKES_JOIN
from spikeformers.layers.unit import Unit, unit_inputs
from spikeformers.layers.values import Values


class SelfAttention(TakesMemory, ABC):
    """Queries, keys and values from the stream, mixed over positions, projected back: over [T, B, C, ...].

    Each time step attends within itself, unless the vocabulary has an interaction that joins its queries to those of
    the step before. A subclass says how they are mixed, and what of that is `shown` by its maps.

    Args:
        plan: what it is built from.
        mixed: declared values of what the mixing gives.
        uses: which of q, k and v it needs.
        fires: whether queries, keys and values go through neurons.

    Raises:
        ConfigError: heads do not divide the channels.
    """

    over: Over = "space"
    shown: str
    # Whether values may have more channels than queries and keys; where not, they have as many whatever the plan says.
    takes_wide_values: ClassVar[bool] = True

    def __init__(
        self, plan: AttentionPlan, *, mixed: Values, uses: tuple[str, ...] = ("q", "k", "v"), fires: bool = True
    ) -> None:
        super().__init__()
        value_dim = plan.value_dim if plan.value_dim and self.takes_wide_values else plan.dim
        if plan.dim % plan.heads or value_dim % plan.heads:
            raise ConfigError(f"channels must be multiples of heads, got {plan.dim} channels and {plan.heads} heads.")
        self.heads = plan.heads
        self.uses = uses
        vocabulary = plan.vocabulary
        arriving = unit_inputs(plan.shortcut, plan.inputs, vocabulary)
        self.input_neuron = vocabulary.build_neuron() if plan.shortcut == "membrane" else None
        for name in uses:
            width = value_dim if name == "v" else plan.dim
            unit = Unit(**plan.qkv(plan.dim, width, arriving), norm=vocabulary.build_norm(width))
            if fires:
                unit.add_module("neuron", vocabulary.build_neuron())
            self.add_module(name, unit)
        self.interaction = build_interaction(plan) if "q" in uses else None
        self.projection = Unit(**plan.out(value_dim, plan.dim, mixed), norm=vocabulary.build_norm(plan.dim))
        if plan.shortcut in SPIKES_JOIN:
            self.projection.add_module("neuron", vocabulary.build_neuron())

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, ...] -> the same."""
        if self.input_neuron is not None:
            x = self.input_neuron(x, memory)
        out: Tensor = self.projection(self.mix(memory, **self.parts(x, memory)), memory)
        return out

    def parts(self, x: Tensor, memory: Memory | None) -> dict[str, Tensor]:
        """What `mix` is given, by name, of the stream or the spikes it became [T, B, C, ...]."""
        parts = {name: getattr(self, name)(x, memory) for name in self.uses}
        if self.interaction is not None:
            parts["q"] = self.interaction(parts["q"], memory)
        return parts

    @abstractmethod
    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """Queries, keys and values [T, B, C, ...] by their names -> what is projected back, in the shape of v."""

    @abstractmethod
    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """How much attention each position receives, [T, B, N], from the parts and what was mixed of them."""

    def show_maps(self, show: Show) -> list[RemovableHandle]:
        """See `ShowsAttention`."""
        parts: dict[str, Tensor] = {}

        def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
            return lambda unit, inputs, output: parts.update({name: output})

        def mixed(unit: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            received = self.received(inputs[0], **parts)
            show(torch.unflatten(received, -1, inputs[0].shape[3:]))

        makers: dict[str, nn.Module] = {name: self.get_submodule(name) for name in self.uses}
        if self.interaction is not None:
            makers["q"] = self.interaction
        handles = [module.register_forward_hook(keep(name)) for name, module in makers.items()]
        return [*handles, self.projection.register_forward_pre_hook(mixed)]

    def split(self, x: Tensor) -> Tensor:
        """[T, B, C, ...] -> heads [T, B, h, d, N], channels before positions."""
        return torch.unflatten(x.flatten(3), 2, (self.heads, -1))

    def merge(self, x: Tensor, like: Tensor) -> Tensor:
        """Heads [T, B, h, d, N] -> [T, B, C, ...] with the positions of `like`."""
        return torch.unflatten(x.flatten(2, 3), 3, like.shape[3:])
