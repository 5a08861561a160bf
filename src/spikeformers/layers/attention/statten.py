"""Spatial-temporal attention: the tokens of a few time steps attend to each other."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from spikeformers.errors import ConfigError, InputError, NotStreamable
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.projected import SelfAttention
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.attention.shown import Over
from spikeformers.layers.memory import Memory
from spikeformers.layers.pool import Dilate
from spikeformers.layers.unit import unit_inputs
from spikeformers.layers.weighted import Mask, MatrixProduct


@attention("statten")
class SpatialTemporalAttention(SelfAttention):
    """neuron(scale Q (K^T V)) over the tokens of `chunk` time steps together (STAtten, Lee et al., CVPR 2025).

    Not causal inside a chunk: a step sees the later ones of its chunk, and nothing of another chunk but through
    neurons. The authors put it into blocks with membrane shortcuts. The scale is that of their code: 1 / S of a map of
    S x S tokens, for events 1 / (S^2 chunk); of other maps S is the root of their tokens, which is ours, and so is that
    S stays that of the plan whatever the input.

    The form for events also pools queries, keys and values, and lets x p + p pass in the place of the spikes x, where p
    is the pooled input of the attention. How they pool is not known here: 3 x 3 at stride 1, as Spike-driven
    Transformer does for events. What is projected back are then integers, up to 2.

    Args:
        plan: what it is built from; its `scale` says nothing.
        chunk: time steps that attend together; 1 is SSA with that scale.
        events: whether it has the form for events.

    Raises:
        ConfigError: chunk is not positive, or nobody said how many tokens there are.
    """

    shown = "the sum of q · k over all heads and all queries of its chunk of time steps, for the key at each position"

    def __init__(self, plan: AttentionPlan, *, chunk: int = 2, events: bool = False) -> None:
        if chunk < 1:
            raise ConfigError(f"chunk is a number of time steps, at least 1; got {chunk}.")
        spikes, timed = plan.vocabulary.spikes, chunk == 1
        arriving = unit_inputs(plan.shortcut, plan.inputs, plan.vocabulary)
        gate = Mask(spikes, arriving) if events else None
        mixed = spikes if gate is None else gate.values + arriving
        super().__init__(replace(plan, value_dim=None) if events else plan, mixed=mixed)
        self.chunk = chunk
        self.over: Over = "space" if timed else "space and time"
        self.inner = MatrixProduct(spikes, spikes, timed=timed)
        scale = 1 / (plan.tokens * chunk) if events else plan.tokens**-0.5
        self.outer = MatrixProduct(spikes, self.inner.values, scale=scale, timed=timed)
        self.neuron = plan.vocabulary.build_neuron(plan.v_threshold)
        self.dilate, self.gate = Dilate() if events else None, gate

    def parts(self, x: Tensor, memory: Memory | None) -> dict[str, Tensor]:
        """Queries, keys, values and, for events, the pooled input.

        Raises:
            NotStreamable: there is a memory, and steps attend to later ones.
            InputError: the time steps make no whole number of chunks, or a form that pools is given no map.
        """
        if self.chunk > 1 and memory is not None:
            raise NotStreamable(
                f"statten(chunk={self.chunk}) looks at {self.chunk} time steps at once, so that it cannot be run step "
                "by step. Give the model all frames in one call, or take chunk=1."
            )
        if self.gate is not None and x.dim() != 5:
            raise InputError(f"statten for events pools maps [T, B, C, H, W], got tokens {list(x.shape)}.")
        if len(x) % self.chunk:
            raise InputError(
                f"statten attends over chunks of {self.chunk} time steps, and {len(x)} are no multiple of that. Give "
                f"the model a multiple of {self.chunk} (time_steps of a static image), or take another chunk."
            )
        parts = super().parts(x, memory)
        return parts if self.gate is None else {**parts, "p": x}

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, ...] for each part -> spikes in the shape of v, or integers for events."""
        q, k, v = (self._chunks(parts[name]) for name in self.uses)
        context = self.inner(v, k.transpose(-1, -2))  # [T / chunk, B, h, d, d]
        attended = self.outer(q.transpose(-1, -2), context.transpose(-1, -2)).transpose(-1, -2)
        steps = torch.unflatten(attended, -1, (self.chunk, -1)).permute(0, 4, 1, 2, 3, 5).flatten(0, 1)
        out: Tensor = self.neuron(self.merge(steps, parts["v"]), memory)
        if self.gate is None:
            return out
        p = self._pooled(parts["p"])
        gated: Tensor = self.gate(out, p) + p
        return gated

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N]."""
        q, k = (self._chunks(parts[name]).double() for name in ("q", "k"))
        received = (q.sum(-1, keepdim=True) * k).sum((2, 3))  # [T / chunk, B, chunk N]
        return torch.unflatten(received, -1, (self.chunk, -1)).transpose(1, 2).flatten(0, 1)

    def _chunks(self, part: Tensor) -> Tensor:
        """[T, B, C, ...] -> heads [T / chunk, B, h, d, chunk N]."""
        heads = torch.unflatten(self.split(self._pooled(part)), 0, (-1, self.chunk))
        return heads.permute(0, 2, 3, 4, 1, 5).flatten(-2)

    def _pooled(self, part: Tensor) -> Tensor:
        return part if self.dilate is None else self.dilate(part)
