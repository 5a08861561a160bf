"""SGLFormer: local convolutions and local attention in front of global spiking self-attention, on a SEW-ADD stream.

Zhang et al., "SGLFormer: Spiking Global-Local-Fusion Transformer with high performance", Frontiers in Neuroscience,
2024. A block is a local part (convolutions, attention among the tokens of one phase, MLP) and `global_pairs` of global
attention and MLP; every published size has one such block. The L of the paper's names counts the convolutions, the
local attention and each global one: SGLFormer-8-512 has six pairs.

The stem pools real pre-activations (CML, as in Spikformer's later version), so that the gradient finds the maximum. The
CIFAR and event forms end in a head with a weight for each token and time step: such a model takes maps and time steps
as it was built for, all of them at once. The ImageNet forms end in a mean.

The residual stream adds spikes to spikes, and around the local convolutions itself to itself, so that queries, keys,
values, the first operation of every branch and the head see integers; every other weighted input but the image's is
binary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, product
from math import lcm
from typing import Literal

from torch import Tensor, nn

from spikeformers.layers import (
    ATTENTIONS,
    AttentionPlan,
    Head,
    LocalConvolution,
    MeanHead,
    Memory,
    Neuron,
    PlanePoolingHead,
    PoolingStem,
    Skips,
    Unused,
    Values,
    across_samples,
    build_blocks,
    drop_path_rates,
    linear_projection,
    run_blocks,
    values_behind,
)
from spikeformers.layers.attention.local import LocalSelfAttention, LocalSoftmaxSelfAttention
from spikeformers.layers.memory import TakesMemory
from spikeformers.layers.words import parse_word
from spikeformers.models.config import require, require_positive
from spikeformers.models.trunk import ProductTrunkConfig, TrunkModel, attention_plan, patches

TimeAxis = Literal["per_sample", "batch_mixed"]


@dataclass(frozen=True, kw_only=True)
class SGLFormerConfig(ProductTrunkConfig):
    """Words of SGLFormer; the defaults are SGLFormer-4-384 for CIFAR-10.

    Args:
        depth: number of blocks, each a local part and `global_pairs`; 1 in every published size.
        global_pairs: pairs of global attention and MLP in a block.
        local_attention: registered word: how the local part mixes tokens.
        local_ratio: hidden channels of the local part's convolutions over dim.
        form: "cifar" (also of the event models) starts with dim // 6 channels and has no biases in its blocks;
            "imagenet" starts with dim // 8, and its pairs are the blocks of Spikformer, with biases behind attention
            and in MLPs, and with norms that the authors' code carries and never uses.
        head: "plane", learned pooling over all tokens of all time steps, or "mean" (see `PlanePoolingHead`).
        pooling: one digit for each of the five stages of the tokenizer, 1 where a max-pool halves the map.
        ssa_time_axis: what the neuron behind the attention of a pair takes for time: the steps of each sample, or,
            "batch_mixed", all samples of all steps one after the other.
        stem_time_axis: the same of the first neuron of the stem.
    """

    dim: int = 384
    depth: int = 1
    heads: int = 16
    global_pairs: int = 2
    local_attention: str = "local_ssa(group=2)"
    local_ratio: float = 4.0
    form: Literal["cifar", "imagenet"] = "cifar"
    head: Literal["plane", "mean"] = "plane"
    pooling: str = "00011"
    pool_before_neuron: bool = True
    ssa_time_axis: TimeAxis = "per_sample"
    stem_time_axis: TimeAxis = "per_sample"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.global_pairs >= 0, f"global_pairs must not be negative, got {self.global_pairs}.")
        require_positive("local_ratio", self.local_ratio)
        hidden = self.dim * self.local_ratio
        require(1 <= hidden < 2**31, f"local_ratio {self.local_ratio} gives the convolutions {hidden:g} channels.")
        require(
            self.ssa_time_axis == "per_sample"
            or (self.shortcut == "sew" and parse_word(self.attention)[0] in ("ssa", "sdsa3")),
            'ssa_time_axis = "batch_mixed" is what the released attention "ssa" does with the shortcut "sew"; take '
            f'"per_sample" with {self.attention!r} and {self.shortcut!r}.',
        )
        require(
            self.keep_tokens == 1,
            f"keep_tokens must be 1, got {self.keep_tokens:g}: the local parts of SGLFormer convolve whole maps, of "
            "which no token can be left out.",
        )
        require(
            self.stem_time_axis == "per_sample" or self.tokenizer == "convolutional",
            'stem_time_axis = "batch_mixed" is what a convolutional stem does; take "per_sample" with patches.',
        )

    @classmethod
    def word_registries(cls) -> dict[str, tuple[Mapping[str, Callable[..., object]], str]]:
        """Those of every model with attention, and the local attention."""
        return {**super().word_registries(), "local_attention": (ATTENTIONS, "attention")}

    @property
    def tokenizer_stages(self) -> int:
        """Stages of the tokenizer that may halve the map."""
        return 5

    @property
    def blocks_by_stage(self) -> tuple[int, ...]:
        """The local part and the pairs of each block."""
        return (1 + self.global_pairs,) * self.depth

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of the tokenizer's stages."""
        first = 6 if self.form == "cifar" else 8
        return self.dim // first, self.dim // 4, self.dim // 2, self.dim, self.dim


class SGLBlock(TakesMemory):
    """A local part, then global ones.

    Args:
        config: of the model.
        plan: of the global attentions; its `inputs` are the values of the stream in front.
        drop_path: stochastic depth of the local part and of each pair.
        skips: delayed skips of the model; the local part and each pair are a block to them.

    Attributes:
        values: declared values of the stream behind it.
    """

    def __init__(self, config: SGLFormerConfig, plan: AttentionPlan, drop_path: list[float], skips: Skips) -> None:
        super().__init__()
        vocabulary, shortcut = plan.vocabulary, plan.shortcut
        unbiased = linear_projection(bias=False, init="kaiming_uniform")
        biased = linear_projection(bias=True, init="kaiming_uniform") if config.form == "imagenet" else unbiased

        def convolution(values: Values) -> LocalConvolution:
            return LocalConvolution(
                plan.dim, ratio=config.local_ratio, inputs=values, vocabulary=vocabulary, shortcut=shortcut
            )

        local = build_blocks(
            replace(plan, qkv=unbiased, out=unbiased),
            drop_path[:1],
            attention=config.local_attention,
            mlp_ratio=config.mlp_ratio,
            init="kaiming_uniform",
            convolution=convolution,
            mlp_bias=False,
            skips=skips,
        )
        between = values_behind(local, shortcut, plan.inputs, vocabulary)
        self.local = local[0]
        self.pairs = build_blocks(
            replace(plan, inputs=between, qkv=unbiased, out=biased),
            drop_path[1:],
            attention=config.attention,
            mlp_ratio=config.mlp_ratio,
            init="kaiming_uniform",
            mlp_bias=config.form == "imagenet",
            skips=skips,
        )
        self.values = values_behind(self.pairs, shortcut, between, vocabulary)
        if config.form == "imagenet":
            for pair in self.pairs:
                for name in ("unused_norm1", "unused_norm2"):
                    pair.add_module(name, Unused(weight=(plan.dim,), bias=(plan.dim,)))

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, H, W] -> the same."""
        return run_blocks([self.local, *self.pairs], x, memory)


class SGLFormer(TrunkModel):
    """SGLFormer: the CIFAR, event and ImageNet forms."""

    Config = SGLFormerConfig
    config: SGLFormerConfig

    def __init__(self, config: SGLFormerConfig) -> None:
        super().__init__(config)
        vocabulary = config.vocabulary()
        self.tokenizer = patches(config, vocabulary, self.encoder.values) or PoolingStem(
            config.in_channels,
            config.widths,
            pooling=config.pooling,
            pool_before_neuron=config.pool_before_neuron,
            vocabulary=vocabulary,
            inputs=self.encoder.values,
            shortcut=config.shortcut,
        )
        plan = attention_plan(
            config, vocabulary, self.tokenizer.values, qkv_bias=False, out_bias=False, init="kaiming_uniform"
        )
        self.blocks, values = _blocks(config, plan)
        self.head = _head(config, values)
        for neuron in self._neurons_across_samples():
            across_samples(neuron)
        local = (LocalSelfAttention, LocalSoftmaxSelfAttention)
        self._group = lcm(*(module.group for module in self.modules() if isinstance(module, local)))

    def _neurons_across_samples(self) -> Iterator[Neuron]:
        names = ["tokenizer.stages.0.neuron"] if self.config.stem_time_axis == "batch_mixed" else []
        if self.config.ssa_time_axis == "batch_mixed":
            pairs = product(range(self.config.depth), range(self.config.global_pairs))
            names += [f"blocks.{block}.pairs.{pair}.attention.projection.neuron" for block, pair in pairs]
        for name in names:
            neuron = self.get_submodule(name)
            assert isinstance(neuron, Neuron)
            yield neuron

    @property
    def multiple(self) -> int:
        """The stride, times the groups of the local attention."""
        return self.stride * self._group


def _blocks(config: SGLFormerConfig, plan: AttentionPlan) -> tuple[nn.ModuleList, Values]:
    """The blocks, and the values of the stream behind them."""
    each = 1 + config.global_pairs
    rates: Iterator[float] = iter(drop_path_rates(config.drop_path, config.depth * each))
    blocks, values, skips = nn.ModuleList(), plan.inputs, config.build_skips()
    for _ in range(config.depth):
        block = SGLBlock(config, replace(plan, inputs=values), list(islice(rates, each)), skips)
        values = block.values
        blocks.append(block)
    return blocks, values


def _head(config: SGLFormerConfig, values: Values) -> Head:
    if config.head == "mean":
        return MeanHead(config.dim, config.num_classes)
    time_steps = config.time_steps if config.ann == "none" else None
    return PlanePoolingHead(config.dim, config.num_classes, grid=config.grid, time_steps=time_steps, inputs=values)
