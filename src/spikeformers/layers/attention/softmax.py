"""Softmax attention over real activations: what spiking attention replaces, and what its ANN twins keep."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.projected import SelfAttention
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.memory import Memory
from spikeformers.layers.softmax import Softmax
from spikeformers.layers.values import REAL
from spikeformers.layers.weighted import MatrixProduct


class SoftmaxProduct(nn.Module):
    """softmax(Q K^T / sqrt(d)) V of real activations (Vaswani et al., NeurIPS 2017).

    Args:
        channels: d of a head.
        timed: whether heads start with the axes [T, B]; those of an attention over time do not.
    """

    def __init__(self, channels: int, *, timed: bool = True) -> None:
        super().__init__()
        self.inner = MatrixProduct(REAL, REAL, scale=channels**-0.5, timed=timed)
        self.softmax = Softmax(timed=timed)
        self.outer = MatrixProduct(REAL, REAL, timed=timed)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Heads [..., N, d] three times -> [..., N, d]."""
        out: Tensor = self.outer(self.weights(q, k), v)
        return out

    def weights(self, q: Tensor, k: Tensor) -> Tensor:
        """Heads [..., N, d] of queries and keys -> [..., N, N], queries by keys; each query's sum to 1."""
        weights: Tensor = self.softmax(self.inner(q, k.transpose(-1, -2)))
        return weights


@attention("softmax")
class SoftmaxSelfAttention(SelfAttention):
    """Softmax attention in the place of a spiking one, of which it keeps projections and norms: the ANN twin.

    Queries, keys and values are real, and nothing fires inside. Plan words of the spiking operator (threshold, scale,
    erode) say nothing here.
    """

    shown = "the softmax weight that each position receives, mean over all queries and heads: 1 over the whole map"

    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__(plan, mixed=REAL, fires=False)
        self.product = SoftmaxProduct(plan.dim // plan.heads)

    def mix(self, memory: Memory | None, **parts: Tensor) -> Tensor:
        """[T, B, C, ...] three times -> the shape of v."""
        q, k, v = (self.split(parts[name]).transpose(-1, -2) for name in self.uses)
        return self.merge(self.product(q, k, v).transpose(-1, -2), parts["v"])

    def received(self, mixed: Tensor, **parts: Tensor) -> Tensor:
        """[T, B, N]."""
        q, k = (self.split(parts[name]).transpose(-1, -2) for name in ("q", "k"))
        return self.product.weights(q, k).mean((2, 3))
