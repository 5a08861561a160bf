"""QKFormer: a hierarchy of Q-K token attention and spiking self-attention on a SEW-ADD residual stream.

Zhou et al., "QKFormer: Hierarchical Spiking Transformer using Q-K Attention", NeurIPS 2024. The blocks of the last
stage have spiking self-attention (SSA), those of the stages in front Q-K token attention, whose cost grows linearly
with the number of tokens. An embedding in front of every stage halves the map; its first convolutions, and where it
pools, differ between the released forms (`form`).

As released, the neuron behind the projection of every SSA runs over the samples of a batch as if they were time steps,
so that a sample sees those in front of it (issues 14 and 17 of the authors' repository; the published accuracies were
measured so). `ssa_time_axis = "batch_mixed"` is that behaviour; "per_sample", the default, is the corrected one, and
what the released one does to a sample alone.

The residual stream adds spikes to spikes, so queries, keys, values, the embeddings behind the first and the first
linear of every MLP see integers; every other weighted input but the image's and the head's is binary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Literal, Self

from torch import Tensor, nn

from spikeformers.layers import (
    ATTENTIONS,
    EMBEDDING_FORMS,
    AttentionPlan,
    DeformedShortcutEmbedding,
    EmbeddingForm,
    MeanHead,
    Memory,
    Neuron,
    Shortcut,
    Values,
    Vocabulary,
    across_samples,
    build_blocks,
    drop_path_rates,
    linear_projection,
    run_blocks,
    values_behind,
)
from spikeformers.layers.words import parse_word
from spikeformers.models.base import SpikingModel
from spikeformers.models.config import require, require_positive
from spikeformers.models.plug_ins import PlugInWords


@dataclass(frozen=True, kw_only=True)
class QKFormerConfig(PlugInWords):
    """Words of QKFormer; the defaults are HST-4-384 for CIFAR-10.

    Args:
        dim: channels of the last stage; each stage in front has half of the next one's.
        stage_depths: number of blocks of each stage; the last one has self-attention.
        heads: attention heads, the same number in all stages.
        mlp_ratio: hidden channels of the MLPs over those of their stage.
        drop_path: stochastic depth in training, growing linearly over all blocks. The authors construct it and never
            apply it.
        form: of the embeddings: "cifar", "imagenet" or "events" (CIFAR10-DVS, DVS128 Gesture); see `layers.speds`.
        token_attention: registered word: how the blocks of all stages but the last mix tokens.
        attention: registered word: the same of the last stage.
        attention_scale: constant on the product of attentions that have one.
        attention_v_threshold: threshold of the neuron inside the attentions.
        shortcut: how branches join the stream; "sew" is the released one.
        ssa_time_axis: what the neuron behind the attention of the last stage takes for time: the steps of each sample,
            or, "batch_mixed", all samples of all steps one after the other.
    """

    without: ClassVar[Mapping[str, str]] = {
        "tokenizer": "QKFormer has an embedding in front of every stage; their forms are chosen by the word form."
    }

    dim: int = 384
    stage_depths: tuple[int, ...] = (1, 1, 2)
    heads: int = 8
    mlp_ratio: float = 4.0
    drop_path: float = 0.0
    form: Literal["cifar", "imagenet", "events"] = "cifar"
    token_attention: str = "qk_token"
    attention: str = "ssa"
    attention_scale: float = 0.125
    attention_v_threshold: float = 0.5
    shortcut: Shortcut = "sew"
    ssa_time_axis: Literal["per_sample", "batch_mixed"] = "per_sample"

    def __post_init__(self) -> None:
        super().__post_init__()
        depths = list(self.stage_depths)
        require(bool(depths) and min(depths) >= 1, f"stage_depths must be at least 1 in every stage, got {depths}.")
        for word in ("dim", "heads"):
            require(getattr(self, word) >= 1, f"{word} must be at least 1, got {getattr(self, word)}.")
        narrowest = 2 ** (len(depths) - 1)
        require(
            self.dim % narrowest == 0
            and self.widths[0] % self.heads == 0
            and self.widths[0] >= max(self.embeddings.widths),
            f"dim must be a multiple of {narrowest} x heads for {len(depths)} stages, the first of which has at least "
            f"{max(self.embeddings.widths)} channels; got dim {self.dim}, heads {self.heads}.",
        )
        for word in ("mlp_ratio", "attention_scale", "attention_v_threshold"):
            require_positive(word, getattr(self, word))
        hidden = self.dim * self.mlp_ratio
        require(
            self.widths[0] * self.mlp_ratio >= 1 and hidden < 2**31,
            f"mlp_ratio {self.mlp_ratio} gives the MLPs up to {hidden:g} channels.",
        )
        require(0 <= self.drop_path < 1, f"drop_path must be from 0 to below 1, got {self.drop_path}.")
        require(
            all(size % self.strides[-1] == 0 for size in self.image_size),
            f"image_size must be a multiple of {self.strides[-1]}, got {list(self.image_size)}.",
        )
        require(
            self.ssa_time_axis == "per_sample"
            or (self.shortcut == "sew" and parse_word(self.attention)[0] in ("ssa", "sdsa3")),
            'ssa_time_axis = "batch_mixed" is what the released attention "ssa" does with the shortcut "sew"; take '
            f'"per_sample" with {self.attention!r} and {self.shortcut!r}.',
        )

    @classmethod
    def from_words(cls, words: Mapping[str, Any]) -> Self:
        """Build a config from a mapping; `depth`, the number of all blocks, may be said too.

        Raises:
            ConfigError: as those of every model, or `depth` is not what `stage_depths` add up to.
        """
        config = super().from_words({word: value for word, value in words.items() if word != "depth"})
        require(
            words.get("depth") in (None, sum(config.stage_depths)),
            f"depth counts the blocks of all stages, and stage_depths {list(config.stage_depths)} make "
            f"{sum(config.stage_depths)}; got depth {words.get('depth')!r}. Change stage_depths.",
        )
        return config

    @classmethod
    def word_registries(cls) -> dict[str, tuple[Mapping[str, Callable[..., object]], str]]:
        """Those of every model, and the attentions."""
        known = (ATTENTIONS, "attention")
        return {**super().word_registries(), "token_attention": known, "attention": known}

    @property
    def embeddings(self) -> EmbeddingForm:
        """How the embeddings are made."""
        return EMBEDDING_FORMS[self.form]

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        stages = len(self.stage_depths)
        return tuple(self.dim // 2 ** (stages - 1 - i) for i in range(stages))

    @property
    def blocks_by_stage(self) -> tuple[int, ...]:
        """Number of blocks of each stage."""
        return self.stage_depths

    @property
    def strides(self) -> tuple[int, ...]:
        """True stride of each stage."""
        return self.embeddings.strides(len(self.stage_depths))


class Stage(nn.Module):
    """An embedding and the blocks behind it, which run on a share of the tokens."""

    def __init__(self, embedding: DeformedShortcutEmbedding, blocks: nn.ModuleList, keep_tokens: float = 1.0) -> None:
        super().__init__()
        self.embedding = embedding
        self.blocks = blocks
        self.keep_tokens = keep_tokens

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, H, W] -> [T, B, C', H', W']."""
        return run_blocks(self.blocks, self.embedding(x, memory), memory, keep_tokens=self.keep_tokens)


class QKFormer(SpikingModel):
    """QKFormer, static and event forms."""

    Config = QKFormerConfig
    config: QKFormerConfig

    def __init__(self, config: QKFormerConfig) -> None:
        super().__init__(config)
        vocabulary = config.vocabulary()
        rates = iter(drop_path_rates(config.drop_path, sum(config.stage_depths)))
        values, channels, skips = self.encoder.values, config.in_channels, config.build_skips()
        self.stages = nn.ModuleList()
        for i, (width, depth) in enumerate(zip(config.widths, config.stage_depths, strict=True)):
            embedding = _embedding(config, i, channels, values, vocabulary)
            plan = _plan(config, i, embedding.values, vocabulary)
            blocks = build_blocks(
                plan,
                list(islice(rates, depth)),
                attention=config.attention if width == config.dim else config.token_attention,
                mlp_ratio=config.mlp_ratio,
                init="kaiming_uniform",
                skips=skips,
                keep_tokens=config.keep_tokens,
            )
            self.stages.append(Stage(embedding, blocks, config.keep_tokens))
            values, channels = values_behind(blocks, config.shortcut, embedding.values, vocabulary), width
        if config.ssa_time_axis == "batch_mixed":
            for block in blocks:
                neuron = block.get_submodule("attention.projection.neuron")
                assert isinstance(neuron, Neuron)
                across_samples(neuron)
        self.head = MeanHead(config.dim, config.num_classes)

    @property
    def stride(self) -> int:
        """Input pixels per token and direction of the last stage."""
        return self.config.strides[-1]

    def _stages(self, x: Tensor, memory: Memory | None) -> Iterator[tuple[int, Tensor]]:
        for stride, stage in zip(self.config.strides, self.stages, strict=True):
            x = stage(x, memory)
            yield stride, x


def _embedding(
    config: QKFormerConfig, stage: int, channels: int, inputs: Values, vocabulary: Vocabulary
) -> DeformedShortcutEmbedding:
    form, width, first = config.embeddings, config.widths[stage], stage == 0
    return DeformedShortcutEmbedding(
        channels,
        [width // part for part in form.widths] if first else [width, width],
        pooling=form.pooling if first else form.later_pooling,
        fork=form.fork if first else 0,
        inputs=inputs,
        vocabulary=vocabulary,
        shortcut=config.shortcut,
        first=first,
    )


def _plan(config: QKFormerConfig, stage: int, inputs: Values, vocabulary: Vocabulary) -> AttentionPlan:
    height, width = (size // config.strides[stage] for size in config.image_size)
    return AttentionPlan(
        dim=config.widths[stage],
        heads=config.heads,
        inputs=inputs,
        vocabulary=vocabulary,
        shortcut=config.shortcut,
        qkv=linear_projection(bias=False, init="kaiming_uniform"),
        out=linear_projection(bias=True, init="kaiming_uniform"),
        v_threshold=config.attention_v_threshold,
        scale=config.attention_scale,
        grid=(height, width),
    )
