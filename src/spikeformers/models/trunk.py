"""What models of one resolution share: a tokenizer, blocks over its tokens, a head."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from spikeformers.layers import MeanHead, Memory, PatchSplitting, SpikingTokenizer, build_blocks
from spikeformers.layers.weighted import Init
from spikeformers.models.base import SpikingModel
from spikeformers.models.config import ModelConfig, require


@dataclass(frozen=True, kw_only=True)
class TrunkConfig(ModelConfig):
    """Words of a tokenizer with four stages and blocks of self-attention over its tokens.

    Args:
        dim: channels of the tokens.
        depth: number of blocks.
        heads: attention heads.
        mlp_ratio: hidden channels of the MLP over dim.
        attention_scale: constant on the product of queries, keys and values.
        attention_v_threshold: threshold of the neuron behind that product.
        pooling: one digit for each of four tokenizer stages, 1 where a max-pool halves the map.
        pool_before_neuron: pool real pre-activations in place of spikes (CML).
        drop_path: stochastic depth in training: the probability with which a sample loses a branch of the last block,
            growing linearly from 0 in the first one.
    """

    dim: int = 384
    depth: int = 4
    heads: int = 12
    mlp_ratio: float = 4.0
    attention_scale: float = 0.125
    attention_v_threshold: float = 0.5
    pooling: str = "0011"
    pool_before_neuron: bool = False
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in ("dim", "depth", "heads"):
            require(getattr(self, word) >= 1, f"{word} must be at least 1, got {getattr(self, word)}.")
        require(self.dim >= 8, f"dim must be at least 8 (the tokenizer starts with dim // 8 channels), got {self.dim}.")
        require(self.dim % self.heads == 0, f"dim must be a multiple of heads, got dim {self.dim}, heads {self.heads}.")
        for word in ("mlp_ratio", "attention_scale", "attention_v_threshold"):
            value = getattr(self, word)
            require(0 < value < math.inf, f"{word} must be a positive number, got {value}.")
        require(0 <= self.drop_path < 1, f"drop_path must be from 0 to below 1, got {self.drop_path}.")
        hidden = self.dim * self.mlp_ratio
        require(1 <= hidden < 2**31, f"mlp_ratio {self.mlp_ratio} gives the MLP {hidden:g} channels.")
        require(
            len(self.pooling) == 4 and set(self.pooling) <= {"0", "1"},
            f"pooling has one digit, 0 or 1, for each of the four tokenizer stages, got {self.pooling!r}.",
        )
        require(
            all(size % self.stride == 0 for size in self.image_size),
            f"image_size must be a multiple of {self.stride} (pooling {self.pooling!r}), got {list(self.image_size)}.",
        )

    @property
    def stride(self) -> int:
        """Input pixels per token and direction."""
        stride: int = 2 ** self.pooling.count("1")
        return stride


class TrunkModel(SpikingModel):
    """A tokenizer that yields its maps, blocks over the tokens of the last one, a head over time and positions."""

    config: TrunkConfig

    def __init__(
        self,
        config: TrunkConfig,
        tokenizer: type[PatchSplitting] | type[SpikingTokenizer],
        *,
        spike_first: bool,
        qkv_bias: bool,
        init: Init,
    ) -> None:
        super().__init__(config)
        vocabulary = config.vocabulary()
        self.tokenizer = tokenizer(
            config.in_channels,
            config.dim,
            pooling=config.pooling,
            pool_before_neuron=config.pool_before_neuron,
            vocabulary=vocabulary,
            inputs=self.encoder.values,
        )
        self.blocks = build_blocks(
            config.depth,
            config.dim,
            config.heads,
            inputs=self.tokenizer.values,
            vocabulary=vocabulary,
            mlp_ratio=config.mlp_ratio,
            scale=config.attention_scale,
            v_threshold=config.attention_v_threshold,
            spike_first=spike_first,
            qkv_bias=qkv_bias,
            init=init,
            drop_path=config.drop_path,
        )
        self.head = MeanHead(config.dim, config.num_classes)

    @property
    def stride(self) -> int:
        """Input pixels per token and direction."""
        return self.config.stride

    def _pyramid(self, x: Tensor, memory: Memory | None) -> dict[int, Tensor]:
        pyramid: dict[int, Tensor] = {}
        for stride, stage in zip(self.tokenizer.strides, self.tokenizer.maps(x, memory), strict=True):
            pyramid[stride] = stage
        last = pyramid[self.stride]
        tokens = last.flatten(3)
        for block in self.blocks:
            tokens = block(tokens, memory)
        pyramid[self.stride] = tokens.view(last.shape)
        return pyramid
