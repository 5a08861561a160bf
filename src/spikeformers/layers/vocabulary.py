"""The words of a config that choose parts, as one object the layers build from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from spikeformers.layers.dynamic_steps import with_dynamic_steps
from spikeformers.layers.neurons import Neuron, build_neuron
from spikeformers.layers.norms import build_norm
from spikeformers.layers.sparse_tokens import at_chosen_tokens
from spikeformers.layers.values import Values
from spikeformers.ops import Surrogate

DynamicRule = Literal["none", "integrate", "skip"]


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Which neuron and which norm a model is made of.

    Args:
        neuron, norm: registered words.
        tau, v_threshold, v_reset, decay_input, detach_reset, detach_membrane, surrogate: the neuron's words.
        more: further words that this neuron takes, such as the levels of an integer one.
        ann: whether this is the vocabulary of an ANN twin, whose attentions are softmax.
        time_steps: T the model is meant for, for parts that are built for one.
        interaction: registered word: how queries of attentions meet those of the time step before.
        dynamic_steps: whether neurons learn at which time steps they put anything out, and if so what they do at
            the others (see `layers.dynamic_steps`).
        chosen_tokens: whether neurons keep the state of tokens that they are not always given (see
            `layers.sparse_tokens`).
    """

    neuron: str = "lif"
    norm: str = "batch_norm"
    tau: float = 2.0
    v_threshold: float = 1.0
    v_reset: float | None = 0.0
    decay_input: bool = True
    detach_reset: bool = True
    detach_membrane: bool = False
    surrogate: Surrogate = field(default_factory=Surrogate)
    more: Mapping[str, Any] = field(default_factory=dict)
    ann: bool = False
    time_steps: int = 4
    interaction: str = "none"
    dynamic_steps: DynamicRule = "none"
    chosen_tokens: bool = False

    def build_neuron(self, v_threshold: float | None = None) -> Neuron:
        """A neuron, with a threshold of its own where one is given."""
        neuron = build_neuron(
            self.neuron,
            tau=self.tau,
            v_threshold=self.v_threshold if v_threshold is None else v_threshold,
            v_reset=self.v_reset,
            decay_input=self.decay_input,
            detach_reset=self.detach_reset,
            detach_membrane=self.detach_membrane,
            surrogate=self.surrogate,
            time_steps=self.time_steps,
            **self.more,
        )
        if self.dynamic_steps != "none":
            neuron = with_dynamic_steps(neuron, self.time_steps, skips=self.dynamic_steps == "skip")
        return at_chosen_tokens(neuron) if self.chosen_tokens else neuron

    @property
    def spikes(self) -> Values:
        """The values its neurons emit."""
        with torch.random.fork_rng(devices=[]):  # one is built to be asked; what that draws is not the model's
            return self.build_neuron().values

    def build_norm(self, channels: int) -> nn.Module:
        """A norm over [T, B, channels, ...]."""
        return build_norm(self.norm, channels, v_threshold=self.v_threshold, time_steps=self.time_steps)
