"""Self-attention and other mixers of tokens, by word.

ssa, sdsa3                 scale Q K^T V and a neuron (Spikformer; Meta-SpikeFormer)
sdsa1, sdsa2               Q, or V, masked by a neuron on a sum over positions (Spike-driven Transformer)
sdsa4                      sdsa3 with a learned threshold (no code was released)
qk_token                   K masked by a neuron on the sum of Q over channels (QKFormer)
local_ssa, local_softmax   within each of g x g strided groups of tokens (SGLFormer)
statten                    ssa over the tokens of a few time steps together (STAtten)
a2os2a                     binary Q, real K, ternary V, no scale (A2OS2A)
xnor_ssa                   ssa that counts joint silence too
softmax                    of real activations: what the ANN twin of most of them has
divided                    softmax along time, then along space (Spikeformer)
spatial, temporal, joint   softmax along space, along time, or over both
fourier, haar              fixed transforms of the tokens (attention-free Spikformer)
frozen                     a random map of the tokens that nobody learns: the control

Every file of this folder is read: a new attention is one file, and its word is there (see `registry`).
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from spikeformers.layers.attention.interaction import INTERACTIONS, TemporalInteraction, register_interaction
from spikeformers.layers.attention.masks import MaskAttention, QueryMaskAttention, SpikeDrivenSelfAttention
from spikeformers.layers.attention.plan import AttentionPlan
from spikeformers.layers.attention.products import LearnedThresholdAttention, SpikingSelfAttention
from spikeformers.layers.attention.projected import SelfAttention
from spikeformers.layers.attention.registry import ATTENTIONS, attention, build_attention, register_attention
from spikeformers.layers.attention.shown import Over, ShowsAttention
from spikeformers.layers.attention.softmax import SoftmaxProduct, SoftmaxSelfAttention

__all__ = [
    "ATTENTIONS",
    "INTERACTIONS",
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
    "TemporalInteraction",
    "attention",
    "build_attention",
    "register_attention",
    "register_interaction",
]

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
