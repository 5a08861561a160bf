"""Spiking self-attention.

SSA (Spikformer, Zhou et al., ICLR 2023): queries, keys and values are spikes, so their products are integers and need
neither softmax nor the square root of the dimension; a constant scale and a neuron of its own threshold follow.
"""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.unit import Unit
from spikeformers.layers.values import REAL, Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Init, Linear, MatrixProduct


class SpikingSelfAttention(nn.Module):
    """neuron(scale Q K^T V), projected, over tokens [T, B, C, N]; each time step attends within itself.

    The two products are taken in the cheaper order: Q K^T first where there are fewer tokens than channels in a head,
    K^T V first otherwise. On spikes both orders are exact in float32 and equal.

    Args:
        dim: channels C.
        heads: number of heads; head-major channels, C = heads x d.
        inputs: declared values of the tokens.
        vocabulary: neuron and norm.
        scale: constant on the product.
        v_threshold: threshold of the neuron behind the product.
        spike_first: Spikingformer's order (neuron, projections ..., norm) in place of Spikformer's (..., norm, neuron).
        qkv_bias: whether the query, key and value projections have a bias.
        init: initialisation of the projections.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        inputs: Values,
        vocabulary: Vocabulary,
        scale: float,
        v_threshold: float,
        spike_first: bool,
        qkv_bias: bool,
        init: Init,
    ) -> None:
        super().__init__()
        self.heads = heads
        spikes = vocabulary.spikes
        self.input_neuron = vocabulary.build_neuron() if spike_first else None
        self.q, self.k, self.v = (
            Unit(
                linear=Linear(dim, dim, inputs=spikes if spike_first else inputs, bias=qkv_bias, init=init),
                norm=vocabulary.build_norm(dim),
                neuron=vocabulary.build_neuron(),
            )
            for _ in range(3)
        )
        self.neuron = vocabulary.build_neuron(v_threshold)
        self.inner = MatrixProduct(spikes, spikes)
        self.outer = MatrixProduct(spikes, self.inner.values, scale=scale)
        self.projection = Unit(linear=Linear(dim, dim, inputs=spikes, init=init), norm=vocabulary.build_norm(dim))
        if not spike_first:
            self.projection.add_module("neuron", vocabulary.build_neuron())
        self.values = REAL if spike_first else spikes

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, N] -> [T, B, C, N]."""
        if self.input_neuron is not None:
            x = self.input_neuron(x, memory)
        q, k, v = (unit(x, memory).unflatten(2, (self.heads, -1)) for unit in (self.q, self.k, self.v))
        attended = self._attend(q, k, v).flatten(2, 3)
        out: Tensor = self.projection(self.neuron(attended, memory), memory)
        return out

    def _attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return scale Q K^T V for heads [T, B, h, d, N], channels before tokens."""
        channels, tokens = q.shape[-2:]
        if tokens < channels:
            scores = self.inner(k.transpose(-1, -2), q)  # [T, B, h, N, N], keys by queries
            out: Tensor = self.outer(v, scores)
        else:
            context = self.inner(v, k.transpose(-1, -2))  # [T, B, h, d, d]
            out = self.outer(q.transpose(-1, -2), context.transpose(-1, -2)).transpose(-1, -2)
        return out
