"""E-SpikeFormer, base models: integers in training, binary sub-steps at inference.

Yao et al., "Scaling Spike-driven Transformer with Efficient Spike Firing Approximation Training", T-PAMI 2025
(Spike-driven Transformer V3). The pyramid of Meta-SpikeFormer with separable convolutions in every block, plain 1x1
projections, and values four times as wide as queries and keys. Its neuron (word `sfa`) emits round(clamp(x, 0, D)) / D
and has neither state nor time: one time step by default, and frames of events are seen one by one. `models.unroll`
turns every integer into D binary sub-steps, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from spikeformers.layers import (
    AttentionPlan,
    SeparableConvolution,
    Shortcut,
    Skips,
    SpikingHead,
    Values,
    Vocabulary,
    build_blocks,
    linear_projection,
)
from spikeformers.models.config import require, require_positive
from spikeformers.models.pyramid import PyramidConfig, PyramidModel

VALUE_RATIO = 4


@dataclass(frozen=True, kw_only=True)
class ESpikeFormerConfig(PyramidConfig):
    """Words of E-SpikeFormer; the defaults are the 10M model.

    Args:
        max_spike: D, the largest integer of the neuron `sfa`, and the number of sub-steps of its unrolling.
        spike_norm: what that integer is divided by; None is D.
        head_spike_norm: the same for the neuron in front of the classifier.
        attention_scale: constant on the product; None is 2 / sqrt(d) for d channels in a head of the queries.
        attention_v_threshold: threshold of the neuron inside the attention, of neurons that have one.
    """

    dims: tuple[int, int, int, int] = (48, 96, 192, 240)
    neuron: str = "sfa"
    time_steps: int = 1
    max_spike: int = 4
    spike_norm: float | None = None
    head_spike_norm: float = 1.0
    attention_scale: float | None = None
    attention_v_threshold: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.spike_norm is None:
            object.__setattr__(self, "spike_norm", float(self.max_spike))
        require(self.max_spike >= 1, f"max_spike must be at least 1, got {self.max_spike}.")
        for word in ("spike_norm", "head_spike_norm", "attention_scale", "attention_v_threshold"):
            if (value := getattr(self, word)) is not None:
                require_positive(word, value)

    def vocabulary(self) -> Vocabulary:
        """The neuron, with its integers where it has them, and the norm."""
        vocabulary = super().vocabulary()
        return self._with_norm(vocabulary, self.spike_norm)

    def head_vocabulary(self) -> Vocabulary:
        """The same with the norm of the head."""
        return self._with_norm(super().vocabulary(), self.head_spike_norm)

    def _with_norm(self, vocabulary: Vocabulary, norm: float | None) -> Vocabulary:
        if vocabulary.neuron != "sfa":
            return vocabulary
        return replace(vocabulary, more={"levels": self.max_spike, "norm": norm})


class ESpikeFormer(PyramidModel):
    """E-SpikeFormer trained from scratch, for classification."""

    Config = ESpikeFormerConfig
    config: ESpikeFormerConfig

    def __init__(self, config: ESpikeFormerConfig) -> None:
        super().__init__(config)
        self._build_stages(config.vocabulary(), split=True)
        neuron = config.head_vocabulary().build_neuron() if config.shortcut == "membrane" else None
        self.head = SpikingHead(config.dims[-1], config.num_classes, neuron=neuron)

    def _transformer_blocks(
        self, dim: int, drop_path: Sequence[float], inputs: Values, vocabulary: Vocabulary, skips: Skips
    ) -> nn.ModuleList:
        c, project = self.config, linear_projection(bias=False, init="kaiming_uniform")
        plan = AttentionPlan(
            dim=dim,
            heads=c.heads,
            inputs=inputs,
            vocabulary=vocabulary,
            shortcut=c.shortcut,
            qkv=project,
            out=project,
            v_threshold=c.attention_v_threshold,
            scale=2 * (dim / c.heads) ** -0.5 if c.attention_scale is None else c.attention_scale,
            value_dim=VALUE_RATIO * dim,
            grid=c.grid,
        )
        convolution = partial(_convolution, dim, vocabulary, c.shortcut)
        return build_blocks(
            plan,
            drop_path,
            attention=c.attention,
            mlp_ratio=c.mlp_ratio,
            init="kaiming_uniform",
            convolution=convolution,
            skips=skips,
        )


def _convolution(dim: int, vocabulary: Vocabulary, shortcut: Shortcut, inputs: Values) -> SeparableConvolution:
    return SeparableConvolution(dim, kernel=3, inputs=inputs, vocabulary=vocabulary, shortcut=shortcut, split=True)
