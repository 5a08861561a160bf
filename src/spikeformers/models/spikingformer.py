"""Spikingformer: spiking self-attention on a membrane-shortcut residual stream.

Zhou et al., "Spikingformer: Spike-driven Residual Learning for Transformer-based Spiking Neural Network", 2023. Every
branch starts with a neuron and ends in a norm, so each weighted input but the image's and the head's is binary.
`pool_before_neuron` gives the CML version (Zhou et al., 2023), which pools real values so that the arg-max is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

from spikeformers.layers import Shortcut, SpikingTokenizer
from spikeformers.models.trunk import ProductTrunkConfig, ProductTrunkModel


@dataclass(frozen=True, kw_only=True)
class SpikingformerConfig(ProductTrunkConfig):
    """Words of Spikingformer; the defaults are Spikingformer-4-384 for CIFAR-10."""

    shortcut: Shortcut = "membrane"


class Spikingformer(ProductTrunkModel):
    """Spikingformer and, with `pool_before_neuron`, its CML version."""

    Config = SpikingformerConfig

    def __init__(self, config: SpikingformerConfig) -> None:
        super().__init__(config, SpikingTokenizer, qkv_bias=False, init="kaiming_uniform")
