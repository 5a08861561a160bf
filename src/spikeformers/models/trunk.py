"""What models of one resolution share: a tokenizer, blocks over its tokens, a head."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from spikeformers.layers import (
    ATTENTIONS,
    AttentionPlan,
    Init,
    MeanHead,
    Memory,
    PatchSplitting,
    PatchTokenizer,
    Shortcut,
    SpikingTokenizer,
    Tokenizer,
    Values,
    Vocabulary,
    build_blocks,
    drop_path_rates,
    linear_projection,
    run_blocks,
)
from spikeformers.models.base import SpikingModel
from spikeformers.models.config import require, require_positive
from spikeformers.models.plug_ins import PlugInWords


@dataclass(frozen=True, kw_only=True)
class BlocksConfig(PlugInWords):
    """Words of blocks of self-attention over tokens of one width.

    Args:
        dim: channels of the tokens.
        depth: number of blocks.
        heads: attention heads.
        mlp_ratio: hidden channels of the MLP over dim.
        drop_path: stochastic depth in training: the probability with which a sample loses a branch of the last block,
            growing linearly from 0 in the first one.
        attention: registered word: how the blocks mix tokens.
        tokenizer: "convolutional", the stem of the paper, or "patch": patches that do not overlap (see PatchTokenizer).
    """

    dim: int = 384
    depth: int = 4
    heads: int = 12
    mlp_ratio: float = 4.0
    drop_path: float = 0.0
    attention: str = "ssa"
    tokenizer: Literal["convolutional", "patch"] = "convolutional"

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in ("dim", "depth", "heads"):
            require(getattr(self, word) >= 1, f"{word} must be at least 1, got {getattr(self, word)}.")
        require(self.dim % self.heads == 0, f"dim must be a multiple of heads, got dim {self.dim}, heads {self.heads}.")
        require_positive("mlp_ratio", self.mlp_ratio)
        require(0 <= self.drop_path < 1, f"drop_path must be from 0 to below 1, got {self.drop_path}.")
        hidden = self.dim * self.mlp_ratio
        require(1 <= hidden < 2**31, f"mlp_ratio {self.mlp_ratio} gives the MLP {hidden:g} channels.")

    @classmethod
    def word_registries(cls) -> dict[str, tuple[Mapping[str, Callable[..., object]], str]]:
        """Those of every model, and the attention."""
        return {**super().word_registries(), "attention": (ATTENTIONS, "attention")}

    @property
    def blocks_by_stage(self) -> tuple[int, ...]:
        """All of one stage."""
        return (self.depth,)


@dataclass(frozen=True, kw_only=True)
class TrunkConfig(BlocksConfig):
    """Words of blocks behind a tokenizer with four stages, or as many as `tokenizer_stages`.

    Args:
        attention_scale: constant on the product of attentions that have one.
        attention_v_threshold: threshold of the neuron inside the attention.
        pooling: one digit for each of the tokenizer's stages, 1 where a max-pool halves the map.
        shortcut: how branches join the stream (see `layers.residual`).
    """

    attention_scale: float = 0.125
    attention_v_threshold: float = 0.5
    pooling: str = "0011"
    shortcut: Shortcut = "sew"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.dim >= 8, f"dim must be at least 8 (the tokenizer starts with dim // 8 channels), got {self.dim}.")
        for word in ("attention_scale", "attention_v_threshold"):
            require_positive(word, getattr(self, word))
        require(
            len(self.pooling) == self.tokenizer_stages and set(self.pooling) <= {"0", "1"},
            f"pooling has one digit, 0 or 1, for each of the {self.tokenizer_stages} tokenizer stages, "
            f"got {self.pooling!r}.",
        )
        require(
            all(size % self.stride == 0 for size in self.image_size),
            f"image_size must be a multiple of {self.stride} (pooling {self.pooling!r}), got {list(self.image_size)}.",
        )

    @property
    def tokenizer_stages(self) -> int:
        """Stages of the tokenizer that may halve the map."""
        return 4

    @property
    def stride(self) -> int:
        """Input pixels per token and direction."""
        stride: int = 2 ** self.pooling.count("1")
        return stride

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the token map at `image_size`."""
        height, width = self.image_size
        return height // self.stride, width // self.stride


@dataclass(frozen=True, kw_only=True)
class ProductTrunkConfig(TrunkConfig):
    """Words of a trunk whose released attention multiplies queries, keys and values (SSA).

    Args:
        pool_before_neuron: pool real pre-activations in place of spikes (CML).
    """

    pool_before_neuron: bool = False


class TrunkModel(SpikingModel):
    """A tokenizer that yields its maps, blocks over the last one, a head; a subclass builds the three."""

    config: BlocksConfig
    tokenizer: Tokenizer
    blocks: nn.ModuleList

    @property
    def stride(self) -> int:
        """Input pixels per token and direction."""
        return self.tokenizer.strides[-1]

    def embed(self, tokens: Tensor) -> Tensor:
        """What the tokenizer gives [T, B, C, H, W] -> what the blocks take; the same unless a subclass adds to it."""
        return tokens

    def _stages(self, x: Tensor, memory: Memory | None) -> Iterator[tuple[int, Tensor]]:
        *earlier, last = self.tokenizer.strides
        maps = self.tokenizer.maps(x, memory)
        for stride in earlier:
            yield stride, next(maps)
        x = self.embed(next(maps))
        yield last, run_blocks(self.blocks, x, memory, keep_tokens=self.config.keep_tokens)


class ProductTrunkModel(TrunkModel):
    """A trunk of SSA blocks and a linear head."""

    config: ProductTrunkConfig

    def __init__(
        self,
        config: ProductTrunkConfig,
        tokenizer: type[PatchSplitting] | type[SpikingTokenizer],
        *,
        qkv_bias: bool,
        out_bias: bool = True,
        init: Init,
    ) -> None:
        super().__init__(config)
        vocabulary = config.vocabulary()
        self.tokenizer = patches(config, vocabulary, self.encoder.values) or tokenizer(
            config.in_channels,
            config.dim,
            pooling=config.pooling,
            pool_before_neuron=config.pool_before_neuron,
            vocabulary=vocabulary,
            inputs=self.encoder.values,
            shortcut=config.shortcut,
        )
        plan = attention_plan(
            config, vocabulary, self.tokenizer.values, qkv_bias=qkv_bias, out_bias=out_bias, init=init
        )
        self.blocks = attention_blocks(config, plan, init)
        self.head = MeanHead(config.dim, config.num_classes)


def patches(config: TrunkConfig, vocabulary: Vocabulary, inputs: Values) -> PatchTokenizer | None:
    """The tokenizer of patches, where the config asks for one in place of the paper's stem."""
    if config.tokenizer == "convolutional":
        return None
    return PatchTokenizer(
        config.in_channels,
        config.dim,
        stride=config.stride,
        inputs=inputs,
        vocabulary=vocabulary,
        shortcut=config.shortcut,
    )


def attention_plan(
    config: TrunkConfig,
    vocabulary: Vocabulary,
    inputs: Values,
    *,
    qkv_bias: bool,
    out_bias: bool,
    init: Init,
    erode: bool = False,
) -> AttentionPlan:
    """What the attentions of a trunk are built from; `inputs` are the values of its tokens."""
    return AttentionPlan(
        dim=config.dim,
        heads=config.heads,
        inputs=inputs,
        vocabulary=vocabulary,
        shortcut=config.shortcut,
        qkv=linear_projection(bias=qkv_bias, init=init),
        out=linear_projection(bias=out_bias, init=init),
        v_threshold=config.attention_v_threshold,
        scale=config.attention_scale,
        erode=erode,
        grid=config.grid,
    )


def attention_blocks(config: TrunkConfig, plan: AttentionPlan, init: Init) -> nn.ModuleList:
    """The blocks of a trunk, as its config words say."""
    return build_blocks(
        plan,
        drop_path_rates(config.drop_path, config.depth),
        attention=config.attention,
        mlp_ratio=config.mlp_ratio,
        init=init,
        skips=config.build_skips(),
        keep_tokens=config.keep_tokens,
    )
