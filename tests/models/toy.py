"""A toy: a strided convolution, then blocks of spiking self-attention on a membrane-shortcut stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from spikeformers.layers import REAL, AttentionPlan, Conv2d, MeanHead, Memory, Unit, build_blocks, linear_projection
from spikeformers.models import ModelConfig, SpikingModel


@dataclass(frozen=True, kw_only=True)
class ToyConfig(ModelConfig):
    """Words of the toy: `dim` channels, `depth` blocks, attention `heads`, MLPs `mlp_ratio` times as wide."""

    dim: int = 32
    depth: int = 1
    heads: int = 4
    mlp_ratio: float = 2.0


class Toy(SpikingModel):
    """Tokens of 2 x 2 pixels."""

    Config = ToyConfig
    stride = 2

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        parts = config.vocabulary()  # the neuron and the norm that the config words choose
        conv = Conv2d(config.in_channels, config.dim, inputs=REAL, stride=2)
        self.stem = Unit(conv=conv, norm=parts.build_norm(config.dim))
        linear = linear_projection(bias=False, init="kaiming_uniform")
        plan = AttentionPlan(
            dim=config.dim, heads=config.heads, inputs=REAL, vocabulary=parts, shortcut="membrane",
            qkv=linear, out=linear, scale=0.25, v_threshold=0.5,
        )  # fmt: skip
        no_drop = [0.0] * config.depth
        self.blocks = build_blocks(plan, no_drop, mlp_ratio=config.mlp_ratio, init="kaiming_uniform")
        self.head = MeanHead(config.dim, config.num_classes)

    def _stages(self, x: Tensor, memory: Memory | None) -> Iterator[tuple[int, Tensor]]:
        x = self.stem(x, memory)  # [T, B, C, H/2, W/2]
        for block in self.blocks:
            x = block(x, memory)
        yield self.stride, x
