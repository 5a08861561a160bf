"""Spikeformer: spatio-temporal softmax attention on the tokens of a spiking tokenizer.

Li, Lei, Yang, "Spikeformer: A Novel Architecture for Training High-Performance Low-Latency Spiking Neural Network",
2022 (not Spikformer, which came with spiking self-attention).

It is a hybrid. Neurons are in the tokenizer and in the hidden layer of every MLP, and nowhere else: attention is
ordinary softmax attention of real values behind a LayerNorm, with a residual stream of real values, and the head pools
real values. Only the tokenizer's convolutions behind the first (sums of spikes, and means of them on shortcuts) and the
MLPs' second linears are fed spikes, and in the ImageNet form not even they are: its neuron, PLIAF, emits its positive
membrane potential.

Attention over time and the pooling over all time steps need every frame, so that the model cannot be streamed.

Stochastic depth drops a whole branch of a sample, at all its time steps. The released code drops along whatever axis
comes first: per location and in front of the last linear (temporal), per step (spatial), per step of the whole batch
(MLP). That is not copied; without stochastic depth, and in eval mode, both compute the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import ClassVar, cast, get_args

from torch import Tensor, nn

from spikeformers.layers import (
    ATTENTIONS,
    REAL,
    Add,
    AttentionPlan,
    Block,
    ConvolutionalTokenizer,
    LayerNorm,
    Linear,
    PatchTokenizer,
    SequencePoolingHead,
    SpaceTime,
    SpaceTimeEmbedding,
    Tokenizer,
    Unit,
    Vocabulary,
    attention_branches,
    build_attention,
    check_chosen_tokens,
    drop_path_rates,
    linear_projection,
)
from spikeformers.models.config import require, require_positive
from spikeformers.models.trunk import BlocksConfig, TrunkModel


@dataclass(frozen=True, kw_only=True)
class SpikeformerConfig(BlocksConfig):
    """Words of Spikeformer; the defaults are Spikeformer-7-256 for CIFAR10-DVS.

    Args:
        attention: "divided" (along time, then along space), or its ablations: "spatial" or "temporal" alone, or
            "joint" (all tokens of all time steps at once). A word of the other families is a branch with neurons in
            front, inside and no norm of layers.
        attention_scale, attention_v_threshold: constant on the product, threshold of the neuron inside, where the
            attention has them.
        tokenizer_strides: stride of each block of the convolutional tokenizer; the patch is their product.
        tokenizer_kernel: kernel of its convolutions, odd.
        blocks_per_stage: how many of its blocks share a width: with S stages, stage i has dim / 2^(S - 1 - i) channels.
        built_image_size, built_time_steps: the input the position and time tables are built for; the nearest entries
            are taken for another. None is image_size and time_steps as given here; from then on they are fixed.
    """

    without: ClassVar[Mapping[str, str]] = {
        "shortcut": "Spikeformer's stream is real, with a LayerNorm in front of every branch; neurons are inside only."
    }

    in_channels: int = 2
    image_size: tuple[int, int] = (128, 128)
    neuron: str = "plif"
    dim: int = 256
    depth: int = 7
    heads: int = 4
    mlp_ratio: float = 2.0
    attention: str = "divided"
    attention_scale: float = 0.125
    attention_v_threshold: float = 0.5
    tokenizer_strides: tuple[int, ...] = (2, 1, 2, 1, 2, 1)
    tokenizer_kernel: int = 3
    blocks_per_stage: int = 2
    built_image_size: tuple[int, int] | None = None
    built_time_steps: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        # Tables must not change with a later image_size or time_steps: fine-tuning keeps them and takes the nearest.
        if self.built_image_size is None:
            object.__setattr__(self, "built_image_size", self.image_size)
        if self.built_time_steps is None:
            object.__setattr__(self, "built_time_steps", self.time_steps)
        for word in ("attention_scale", "attention_v_threshold"):
            require_positive(word, getattr(self, word))
        require(
            self.interaction == "none" or self.attention not in get_args(SpaceTime),
            f"the interaction {self.interaction!r} is one of queries over time, which the attention {self.attention!r} "
            'has by itself, or has no neurons for. Take an attention of the other families, or interaction = "none".',
        )
        self._check_tokenizer()
        require(self.table_steps >= 1, f"built_time_steps must be at least 1, got {self.built_time_steps}.")
        for word in ("image_size", "built_image_size"):
            size = getattr(self, word)
            require(
                min(size) >= 1 and not any(pixels % self.stride for pixels in size),
                f"{word} must be a multiple of {self.stride} (tokenizer_strides {list(self.tokenizer_strides)}), "
                f"got {list(size)}.",
            )

    def _check_tokenizer(self) -> None:
        strides = list(self.tokenizer_strides)
        require(
            bool(strides) and min(strides) >= 1, f"tokenizer_strides has a stride of 1 or more each, got {strides}."
        )
        require(
            1 <= self.tokenizer_kernel < 100 and self.tokenizer_kernel % 2 == 1,
            f"tokenizer_kernel must be odd, so that a map keeps its size at stride 1, and below 100, "
            f"got {self.tokenizer_kernel}.",
        )
        require(self.blocks_per_stage >= 1, f"blocks_per_stage must be at least 1, got {self.blocks_per_stage}.")
        halvings = (len(strides) - 1) // self.blocks_per_stage
        require(
            self.tokenizer == "patch" or self.dim % 2**halvings == 0,
            f"dim must be a multiple of {2**halvings}: {len(strides)} tokenizer blocks, {self.blocks_per_stage} of a "
            f"width, halve it {halvings} times; got {self.dim}.",
        )

    @classmethod
    def word_registries(cls) -> dict[str, tuple[Mapping[str, Callable[..., object]], str]]:
        """Those of every model, and the attentions over space and time with the others."""
        attentions = {word: ATTENTIONS[word] for word in get_args(SpaceTime)} | ATTENTIONS
        return {**super().word_registries(), "attention": (attentions, "attention")}

    @property
    def stride(self) -> int:
        """Input pixels per token and direction."""
        return prod(self.tokenizer_strides)

    @property
    def table_size(self) -> tuple[int, int]:
        """Height and width of the map the position table is built for."""
        height, width = self.built_image_size or self.image_size
        return height // self.stride, width // self.stride

    @property
    def table_steps(self) -> int:
        """Time steps the time table is built for."""
        return self.time_steps if self.built_time_steps is None else self.built_time_steps


class Spikeformer(TrunkModel):
    """Spikeformer, its ablations and its ANN twins.

    `neuron = "relu"` keeps the time steps of a static image and the attention over them; `ann` has one frame, the first
    entry of the time table, and nothing to attend to in time.
    """

    Config = SpikeformerConfig

    def __init__(self, config: SpikeformerConfig) -> None:
        super().__init__(config)
        vocabulary = config.vocabulary()
        self.tokenizer = self._build_tokenizer(config, vocabulary)
        self.embedding = SpaceTimeEmbedding(config.dim, config.table_size, config.table_steps)
        self.blocks = _blocks(config, vocabulary)
        self.head = SequencePoolingHead(config.dim, config.num_classes)

    def embed(self, tokens: Tensor) -> Tensor:
        """[T, B, C, H, W] -> the same, with what the position and time tables add."""
        embedded: Tensor = self.embedding(tokens)
        return embedded

    def _build_tokenizer(self, config: SpikeformerConfig, vocabulary: Vocabulary) -> Tokenizer:
        inputs = self.encoder.values
        if config.tokenizer == "patch":
            return PatchTokenizer(config.in_channels, config.dim, stride=config.stride, inputs=inputs)
        return ConvolutionalTokenizer(
            config.in_channels,
            config.dim,
            kernel=config.tokenizer_kernel,
            strides=config.tokenizer_strides,
            blocks_per_stage=config.blocks_per_stage,
            vocabulary=vocabulary,
            inputs=inputs,
        )


def _blocks(config: SpikeformerConfig, vocabulary: Vocabulary) -> nn.ModuleList:
    plan = _plan(config, replace(vocabulary, chosen_tokens=config.keep_tokens < 1))
    skips, blocks = config.build_skips(), nn.ModuleList()
    for rate in drop_path_rates(config.drop_path, config.depth):
        entering = skips.enter(config.dim, REAL, "membrane", vocabulary)
        blocks.append(_block(config, plan, rate))
        skips.leave(blocks[-1], entering, REAL)
    if config.keep_tokens < 1:
        check_chosen_tokens(blocks, plan, config.keep_tokens)
    return blocks


def _block(config: SpikeformerConfig, plan: AttentionPlan, drop_path: float) -> Block:
    hidden = int(config.dim * config.mlp_ratio)
    mlp = Unit(
        norm=LayerNorm(config.dim),
        expand=Linear(config.dim, hidden, inputs=REAL),
        neuron=plan.vocabulary.build_neuron(),
        contract=Linear(hidden, config.dim, inputs=plan.vocabulary.spikes),
    )
    return Block(partial(Add, drop_path), **_attention(config, plan), mlp=mlp)


def _attention(config: SpikeformerConfig, plan: AttentionPlan) -> dict[str, nn.Module]:
    if config.attention in get_args(SpaceTime):
        return attention_branches(cast(SpaceTime, config.attention), config.dim, config.heads)
    return {"attention": build_attention(config.attention, plan)}


def _plan(config: SpikeformerConfig, vocabulary: Vocabulary) -> AttentionPlan:
    return AttentionPlan(
        dim=config.dim,
        heads=config.heads,
        inputs=REAL,
        vocabulary=vocabulary,
        shortcut="membrane",
        qkv=linear_projection(bias=False, init="trunc_normal"),
        out=linear_projection(bias=True, init="trunc_normal"),
        v_threshold=config.attention_v_threshold,
        scale=config.attention_scale,
        grid=(config.image_size[0] // config.stride, config.image_size[1] // config.stride),
    )
