"""Spikformer: spiking self-attention on a SEW-ADD residual stream.

Zhou et al., "Spikformer: When Spiking Neural Network Meets Transformer", ICLR 2023. The CIFAR, ImageNet and CIFAR10-DVS
forms differ in `projection`, `pooling` and `attention_scale`; `pool_before_neuron` gives the CML version (Zhou et al.,
"Enhancing the Performance of Transformer-based Spiking Neural Networks by SNN-optimized Downsampling with Precise
Gradient Backpropagation", 2023).

The residual stream adds spikes to spikes, so q, k, v and the first linear of every MLP see integers that grow with
depth; every other weighted input but the image's and the head's is binary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spikeformers.layers import PatchSplitting
from spikeformers.models.trunk import ProductTrunkConfig, ProductTrunkModel


@dataclass(frozen=True, kw_only=True)
class SpikformerConfig(ProductTrunkConfig):
    """Words of Spikformer; the defaults are Spikformer-4-384 for CIFAR-10.

    Args:
        projection: "linear" (the CIFAR form: biases on q, k and v too, truncated-normal weights) or "convolution" (the
            ImageNet and event forms: 1x1 convolutions, no bias on q, k and v, Kaiming-uniform weights).
    """

    projection: Literal["linear", "convolution"] = "linear"


class Spikformer(ProductTrunkModel):
    """Spikformer and, with `pool_before_neuron`, its CML version."""

    Config = SpikformerConfig

    def __init__(self, config: SpikformerConfig) -> None:
        linear = config.projection == "linear"
        super().__init__(
            config,
            PatchSplitting,
            qkv_bias=linear,
            init="trunc_normal" if linear else "kaiming_uniform",
        )
