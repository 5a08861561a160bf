"""Meta-SpikeFormer: a pyramid of convolutional and transformer blocks on a membrane-shortcut stream.

Yao et al., "Spike-driven Transformer V2: Meta Spiking Neural Network Architecture Inspiring the Design of
Next-generation Neuromorphic Chips", ICLR 2024. Its attention (SDSA-3) projects with re-parameterisable convolutions.

What is released is the membrane shortcut with SDSA-3. The other words of the paper's ablations have no published code:
`shortcut = "sew" | "vanilla"` move the neurons of every branch and of the downsamplings behind their norms, which is
this library's reading, and feed the classifier the mean of the stream's spikes without a neuron in front: behind a mean
of at most 1 that of the membrane form could hardly fire. Of the operators `sdsa1` is Spike-driven Transformer's, while
`sdsa2` and `sdsa4` are as certain as their docstrings in `layers.attention` say. With "sew" the weighted operations see
integers that grow with depth.

Unfused, convolutions behind the first see real values in two places: in the second half of a RepConv (its depthwise and
its last), and behind the depthwise convolution of a separable one. `models.fuse(model, rep_conv=True)` removes the
first kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

from spikeformers.layers import (
    AttentionPlan,
    Skips,
    SpikingHead,
    Values,
    Vocabulary,
    build_blocks,
    rep_conv_projection,
)
from spikeformers.models.config import require_positive
from spikeformers.models.pyramid import PyramidConfig, PyramidModel


@dataclass(frozen=True, kw_only=True)
class MetaSpikeFormerConfig(PyramidConfig):
    """Words of Meta-SpikeFormer; the defaults are the 15M model.

    Args:
        attention_scale: constant on the product of sdsa3 and sdsa4, at every width.
        attention_v_threshold: threshold of the neuron inside the attention.
        distillation_head: a second classifier for a teacher (see SpikingHead).
        head_input: what the classifier of the membrane form is fed: "spikes", or the "membrane", as before March 2024.
    """

    attention_scale: float = 0.125
    attention_v_threshold: float = 0.5
    distillation_head: bool = False
    head_input: Literal["spikes", "membrane"] = "spikes"

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in ("attention_scale", "attention_v_threshold"):
            require_positive(word, getattr(self, word))


class MetaSpikeFormer(PyramidModel):
    """Meta-SpikeFormer for classification; `forward_stages` gives what detection and segmentation tap."""

    Config = MetaSpikeFormerConfig
    config: MetaSpikeFormerConfig

    def __init__(self, config: MetaSpikeFormerConfig) -> None:
        super().__init__(config)
        vocabulary = config.vocabulary()
        self._build_stages(vocabulary, split=False)
        self.head = SpikingHead(
            config.dims[-1],
            config.num_classes,
            neuron=vocabulary.build_neuron() if config.shortcut == "membrane" else None,
            inputs=config.head_input,
            distillation=config.distillation_head,
        )

    def _transformer_blocks(
        self, dim: int, drop_path: Sequence[float], inputs: Values, vocabulary: Vocabulary, skips: Skips
    ) -> nn.ModuleList:
        c, project = self.config, rep_conv_projection(vocabulary)
        plan = AttentionPlan(
            dim=dim,
            heads=c.heads,
            inputs=inputs,
            vocabulary=vocabulary,
            shortcut=c.shortcut,
            qkv=project,
            out=project,
            v_threshold=c.attention_v_threshold,
            scale=c.attention_scale,
            grid=c.grid,
        )
        return build_blocks(
            plan, drop_path, attention=c.attention, mlp_ratio=c.mlp_ratio, init="kaiming_uniform", skips=skips
        )
