"""Attention by matrix products of spikes: SSA, which Meta-SpikeFormer calls SDSA-3, and SDSA-4.

Queries, keys and values are spikes, so their products are integers and need neither softmax nor the square root of the
dimension; a constant scale and a neuron of its own threshold follow (Spikformer, Zhou et al., ICLR 2023).
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from spikeformers.errors import ConfigError
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.projected import SelfAttention
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.memory import Memory
from spikeformers.layers.norm_neuron import is_lif
from spikeformers.layers.watched import watched
from spikeformers.layers.weighted import MatrixProduct
from spikeformers.ops.attention import product_attention, serves

Order = Literal["cheaper", "qk", "kv"]

# Heads of fewer channels than a vector holds are faster in parts.
LEAST_CHANNELS = 16


@attention("ssa", "sdsa3")
class SpikingSelfAttention(SelfAttention):
    """neuron(scale Q K^T V): SSA; with a membrane shortcut the SDSA-3 of Meta-SpikeFormer (Yao et al., ICLR 2024).

    On spikes both orders of the two products are exact in float32 and equal.

    Args:
        plan: what it is built from.
        order: "qk" takes Q K^T first (2 N^2 d products a head), "kv" K^T V (2 N d^2); "cheaper" is Q K^T where there
            are fewer tokens N than channels d in a head, K^T V otherwise.

    Raises:
        ConfigError: no order of that name.
    """

    shown = "the sum of q · k over all queries and heads, for the key at each position"

    def __init__(self, plan: AttentionPlan, *, order: str = "cheaper") -> None:
        if order not in get_args(Order):
            raise ConfigError(f"order must be one of {', '.join(get_args(Order))}; got {order!r}.")
        spikes = plan.vocabulary.spikes
        super().__init__(plan, mixed=spikes)
        self.order = order
        self.neuron = plan.vocabulary.build_neuron(plan.v_threshold)
        self.inner = MatrixProduct(spikes, spikes)
        self.outer = MatrixProduct(spikes, self.inner.values, scale=plan.scale)

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, ...] three times -> spikes in the shape of v."""
        fused = self._fused(**parts) if memory is None else None
        if fused is not None:
            return fused
        q, k, v = (self.split(parts[name]) for name in self.uses)
        out: Tensor = self.neuron(self.merge(self.attend(q, k, v), parts["v"]), memory)
        return out

    def _fused(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor | None:
        """`mix` as one operation; None where that cannot be done, or where somebody looks at what passes inside."""
        if not (self._is_plain() and is_lif(self.neuron)) or watched(self.inner, self.outer, self.neuron):
            return None
        if q.shape[2] // self.heads < LEAST_CHANNELS or not serves(q, k, v, self.neuron.dynamics):
            return None
        q, k, v_rows = (part.flatten(3).transpose(-1, -2) for part in (q, k, v))  # [T, B, N, C]
        tokens, channels = q.shape[-2:]
        out = product_attention(
            q, k, v_rows, self.heads, self.neuron.dynamics, scale=self.outer.scale,
            keys_first=self._keys_first(tokens, channels // self.heads), inverse_tau=self.neuron.inverse_tau,
        )  # fmt: skip
        return torch.unflatten(out.transpose(-1, -2), 3, v.shape[3:])

    def _is_plain(self) -> bool:
        # By what they run: a subclass, or a product of a user's own, may compute something else.
        return (
            type(self).attend is SpikingSelfAttention.attend
            and type(self).multiply is SpikingSelfAttention.multiply
            and all(type(product) is MatrixProduct for product in (self.inner, self.outer))
            and self.inner.scale == 1
        )

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N], the same whichever product is taken first."""
        q, k = (self.split(parts[name]).double() for name in ("q", "k"))
        return (q.sum(-1, keepdim=True) * k).sum((2, 3))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return scale Q K^T V for heads [T, B, h, d, N], channels before tokens."""
        return self.multiply(q, k, v, self.inner, self.outer)

    def multiply(self, q: Tensor, k: Tensor, v: Tensor, inner: MatrixProduct, outer: MatrixProduct) -> Tensor:
        """Q K^T V by these two products, in the order of this attention."""
        channels, tokens = q.shape[-2:]
        if self._keys_first(tokens, channels):
            context = inner(v, k.transpose(-1, -2))  # [T, B, h, d, d]
            out: Tensor = outer(q.transpose(-1, -2), context.transpose(-1, -2)).transpose(-1, -2)
        else:
            scores = inner(k.transpose(-1, -2), q)  # [T, B, h, N, N], keys by queries
            out = outer(v, scores)
        return out

    def _keys_first(self, tokens: int, channels: int) -> bool:
        return self.order == "kv" or (self.order == "cheaper" and tokens >= channels)


@attention("sdsa4")
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
