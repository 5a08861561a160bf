"""Self-attention by word.

ssa, sdsa3   scale Q K^T V and a neuron (Spikformer; Meta-SpikeFormer)
sdsa1        Q masked by a neuron on the sum of K (*) V (Spike-driven Transformer)
sdsa2        V masked by a neuron on the sum of Q (formula not certain)
sdsa4        sdsa3 with a learned threshold (no code was released)
softmax      of real activations: what the ANN twin of each of them has
"""

from __future__ import annotations

from collections.abc import Callable

from spikeformers.errors import UnknownNameError, suggest
from spikeformers.layers.attention.masks import MaskAttention, QueryMaskAttention, SpikeDrivenSelfAttention
from spikeformers.layers.attention.products import LearnedThresholdAttention, SpikingSelfAttention
from spikeformers.layers.attention.projected import AttentionPlan, SelfAttention
from spikeformers.layers.attention.shown import Over, ShowsAttention
from spikeformers.layers.attention.softmax import SoftmaxProduct, SoftmaxSelfAttention

__all__ = [
    "ATTENTIONS",
    "AttentionPlan",
    "LearnedThresholdAttention",
    "MaskAttention",
    "Over",
    "QueryMaskAttention",
    "SelfAttention",
    "ShowsAttention",
    "SoftmaxProduct",
    "SoftmaxSelfAttention",
    "SpikeDrivenSelfAttention",
    "SpikingSelfAttention",
    "build_attention",
]

ATTENTIONS: dict[str, Callable[[AttentionPlan], SelfAttention]] = {
    "ssa": SpikingSelfAttention,
    "sdsa1": SpikeDrivenSelfAttention,
    "sdsa2": QueryMaskAttention,
    "sdsa3": SpikingSelfAttention,
    "sdsa4": LearnedThresholdAttention,
    "softmax": SoftmaxSelfAttention,
}


def build_attention(word: str, plan: AttentionPlan) -> SelfAttention:
    """The attention of that word; softmax whatever the word where the vocabulary is that of an ANN twin.

    Raises:
        UnknownNameError: no attention of that word.
    """
    if word not in ATTENTIONS:
        raise UnknownNameError(f"no attention {word!r}.{suggest(word, ATTENTIONS)} Known: {', '.join(ATTENTIONS)}.")
    return ATTENTIONS["softmax" if plan.vocabulary.ann else word](plan)
