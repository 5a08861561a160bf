"""Attention by matrix products of spikes: SSA, which Meta-SpikeFormer calls SDSA-3, and SDSA-4.

Queries, keys and values are spikes, so their products are integers and need neither softmax nor the square root of the
dimension; a constant scale and a neuron of its own threshold follow (Spikformer, Zhou et al., ICLR 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikeformers.layers.attention.projected import AttentionPlan, SelfAttention
from spikeformers.layers.memory import Memory
from spikeformers.layers.weighted import MatrixProduct


class SpikingSelfAttention(SelfAttention):
    """neuron(scale Q K^T V): SSA; with a membrane shortcut the SDSA-3 of Meta-SpikeFormer (Yao et al., ICLR 2024).

    The two products are taken in the cheaper order: Q K^T first where there are fewer tokens than channels in a head,
    K^T V first otherwise. On spikes both orders are exact in float32 and equal.
    """

    shown = "the sum of q · k over all queries and heads, for the key at each position"

    def __init__(self, plan: AttentionPlan) -> None:
        spikes = plan.vocabulary.spikes
        super().__init__(plan, mixed=spikes)
        self.neuron = plan.vocabulary.build_neuron(plan.v_threshold)
        self.inner = MatrixProduct(spikes, spikes)
        self.outer = MatrixProduct(spikes, self.inner.values, scale=plan.scale)

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, ...] three times -> spikes in the shape of v."""
        q, k, v = (self.split(parts[name]) for name in self.uses)
        out: Tensor = self.neuron(self.merge(self.attend(q, k, v), parts["v"]), memory)
        return out

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N], the same whichever product is taken first."""
        q, k = (self.split(parts[name]).double() for name in ("q", "k"))
        return (q.sum(-1, keepdim=True) * k).sum((2, 3))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return scale Q K^T V for heads [T, B, h, d, N], channels before tokens."""
        channels, tokens = q.shape[-2:]
        if tokens < channels:
            scores = self.inner(k.transpose(-1, -2), q)  # [T, B, h, N, N], keys by queries
            out: Tensor = self.outer(v, scores)
        else:
            context = self.inner(v, k.transpose(-1, -2))  # [T, B, h, d, d]
            out = self.outer(q.transpose(-1, -2), context.transpose(-1, -2)).transpose(-1, -2)
        return out


class LearnedThresholdAttention(SpikingSelfAttention):
    """SDSA-4: as SDSA-3, but the threshold of the neuron behind the products is learned, one number per layer.

    The paper (Yao et al., ICLR 2024) describes it so, as far as its secondary descriptions go; no code was released, so
    how the threshold is parametrised is ours: v_threshold exp(log_threshold), which stays positive and starts where
    SDSA-3 is. The current is divided by the learned factor: with rest and reset at 0, or a soft reset, that is a
    neuron of that threshold.
    """

    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__(plan)
        self.log_threshold = nn.Parameter(torch.zeros(()))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return scale Q K^T V over the learned factor, for heads [T, B, h, d, N]."""
        return super().attend(q, k, v) * torch.exp(-self.log_threshold)
