"""Accurate addition-only attention: binary queries, real keys, ternary values."""

from __future__ import annotations

from dataclasses import replace

from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.products import SpikingSelfAttention
from spikeformers.layers.attention.registry import attention
from spikeformers.layers.values import REAL, TERNARY
from spikeformers.layers.weighted import MatrixProduct


@attention("a2os2a")
class AdditionOnlyAttention(SpikingSelfAttention):
    """neuron((Q K^T) V) without scale: Q of spikes, K = ReLU of the norm, V of 1, 0 and -1 (Guo et al., "Spiking
    Transformer: Introducing Accurate Addition-Only Spiking Self-Attention", CVPR 2025, A2OS2A).

    Each product has a factor that says only whether to add, subtract or leave out the other: spikes choose keys, and
    values choose signs. What is added is real, and an audit that asks for sums of whole numbers calls both products
    real. Which of the three is real and which ternary is known here from secondary sources, one of which has ternary
    queries and keys and binary values.

    Queries have the neuron of the vocabulary, values its ternary form, keys a ReLU whatever the neuron.

    Args:
        plan: what it is built from; its `scale` says nothing.
    """

    def __init__(self, plan: AttentionPlan) -> None:
        super().__init__(plan, order="qk")
        for part, word in (("k", "relu"), ("v", "ternary")):
            own = replace(plan.vocabulary, neuron=word, more={})
            self.set_submodule(f"{part}.neuron", own.build_neuron())
        self.inner = MatrixProduct(REAL, plan.vocabulary.spikes)  # K and Q: keys by queries
        self.outer = MatrixProduct(TERNARY, self.inner.values)
