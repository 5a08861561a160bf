"""What Meta-SpikeFormer and E-SpikeFormer share: five stages, convolutional ones, then ones with attention.

    stage   downsampling          channels   true stride   blocks
    0       conv 7, stride 2      C0 / 2     2             convolutional
    1       conv 3, stride 2      C0         4             convolutional
    2       conv 3, stride 2      C1         8             convolutional
    3       conv 3, stride 2      C2         16            transformer
    4       conv 3, stride 1      C3         16            transformer

Sizes that do not divide are rounded up at each stride, so a model takes any.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from operator import mul
from typing import ClassVar

from torch import Tensor, nn

from spikeformers.layers import (
    ATTENTIONS,
    REAL,
    Conv2d,
    Memory,
    Shortcut,
    Skips,
    Unit,
    Values,
    Vocabulary,
    branch_unit,
    build_conv_blocks,
    drop_path_rates,
    run_blocks,
    unit_inputs,
    values_behind,
)
from spikeformers.models.base import SpikingModel
from spikeformers.models.config import require, require_positive
from spikeformers.models.plug_ins import SkipWords

STRIDES = (2, 2, 2, 2, 1)
TRUE_STRIDES = tuple(accumulate(STRIDES, mul))
FIRST_ATTENTION = 3


@dataclass(frozen=True, kw_only=True)
class PyramidConfig(SkipWords):
    """Words of a pyramid.

    Args:
        dims: channels C0, C1, C2, C3; the first stage has C0 / 2.
        depths_by_stage: blocks of each of the five stages.
        heads: attention heads, in both stages that have them.
        mlp_ratio: hidden channels of the MLPs of the last two stages over theirs.
        drop_path: stochastic depth in training: the probability with which a sample loses a branch of the last block,
            growing linearly from 0 in the first one. The authors construct it and never apply it.
        attention: registered word: how the blocks of the last two stages mix tokens; "sdsa3" is the released one.
        shortcut: how branches join the stream; "membrane" is the released one.
    """

    without: ClassVar[Mapping[str, str]] = {
        "tokenizer": "A pyramid has no tokenizer: downsamplings and convolutional blocks lead to its tokens.",
        "keep_tokens": "The blocks of a pyramid convolve whole maps, of which no token can be left out.",
    }

    dims: tuple[int, int, int, int] = (64, 128, 256, 360)
    depths_by_stage: tuple[int, int, int, int, int] = (1, 1, 2, 6, 2)
    heads: int = 8
    mlp_ratio: float = 4.0
    drop_path: float = 0.0
    attention: str = "sdsa3"
    shortcut: Shortcut = "membrane"

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in ("dims", "depths_by_stage"):
            require(min(getattr(self, word)) >= 1, f"{word} must be at least 1, got {list(getattr(self, word))}.")
        require(self.heads >= 1, f"heads must be at least 1, got {self.heads}.")
        require(self.dims[0] % 2 == 0, f"the first of dims must be even (its half starts the pyramid): {self.dims[0]}.")
        require(
            all(dim % self.heads == 0 for dim in self.dims[2:]),
            f"the last two of dims must be multiples of heads, got dims {list(self.dims)}, heads {self.heads}.",
        )
        require_positive("mlp_ratio", self.mlp_ratio)
        require(
            all(1 <= dim * self.mlp_ratio < 2**31 for dim in self.dims[2:]),
            f"mlp_ratio {self.mlp_ratio} gives the MLPs of {list(self.dims[2:])} channels no whole number of channels.",
        )
        require(0 <= self.drop_path < 1, f"drop_path must be from 0 to below 1, got {self.drop_path}.")

    @classmethod
    def word_registries(cls) -> dict[str, tuple[Mapping[str, Callable[..., object]], str]]:
        """Those of every model, and the attention."""
        return {**super().word_registries(), "attention": (ATTENTIONS, "attention")}

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the maps with attention at `image_size`; every stride rounds up."""
        height, width = self.image_size
        return -(-height // TRUE_STRIDES[-1]), -(-width // TRUE_STRIDES[-1])

    @property
    def blocks_by_stage(self) -> tuple[int, ...]:
        """Number of blocks of each stage."""
        return self.depths_by_stage

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return (self.dims[0] // 2, *self.dims)


class Stage(nn.Module):
    """A downsampling and the blocks behind it."""

    def __init__(self, downsampling: Unit, blocks: nn.ModuleList) -> None:
        super().__init__()
        self.downsampling = downsampling
        self.blocks = blocks

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, H, W] -> [T, B, C', H', W']."""
        return run_blocks(self.blocks, self.downsampling(x, memory), memory)


class PyramidModel(SpikingModel):
    """Five stages and a head; a subclass says what its blocks are made of and calls `_build_stages`."""

    config: PyramidConfig
    stages: nn.ModuleList
    stride = TRUE_STRIDES[-1]
    multiple = 1

    def _build_stages(self, vocabulary: Vocabulary, *, split: bool) -> None:
        """Build the stages.

        Args:
            vocabulary: neuron and norm.
            split: whether the separable convolutions have a norm and a neuron in their middle.
        """
        c, shortcut = self.config, self.config.shortcut
        rates = iter(drop_path_rates(c.drop_path, sum(c.depths_by_stage)))
        values, channels, skips = self.encoder.values, c.in_channels, c.build_skips()
        self.stages = nn.ModuleList()
        for i, (width, depth) in enumerate(zip(c.widths, c.depths_by_stage, strict=True)):
            downsampling = _downsampling(i, channels, width, values, vocabulary, shortcut)
            values = REAL if shortcut == "membrane" else vocabulary.spikes
            own = list(islice(rates, depth))
            if i < FIRST_ATTENTION:
                blocks = build_conv_blocks(
                    width, own, inputs=values, vocabulary=vocabulary, shortcut=shortcut, split=split, skips=skips
                )
            else:
                blocks = self._transformer_blocks(width, own, values, vocabulary, skips)
            self.stages.append(Stage(downsampling, blocks))
            values = values_behind(blocks, shortcut, values, vocabulary)
            channels = width

    @abstractmethod
    def _transformer_blocks(
        self, dim: int, drop_path: Sequence[float], inputs: Values, vocabulary: Vocabulary, skips: Skips
    ) -> nn.ModuleList:
        """Blocks with attention over maps of `dim` channels and these values."""

    def _stages(self, x: Tensor, memory: Memory | None) -> Iterator[tuple[int, Tensor]]:
        for stride, stage in zip(TRUE_STRIDES, self.stages, strict=True):
            x = stage(x, memory)
            yield stride, x


def _downsampling(
    stage: int, channels_in: int, channels_out: int, inputs: Values, vocabulary: Vocabulary, shortcut: Shortcut
) -> Unit:
    """The convolution with bias in front of a stage; the membrane form of the first has no neuron."""
    first = stage == 0
    conv = Conv2d(
        channels_in,
        channels_out,
        inputs=inputs if first else unit_inputs(shortcut, inputs, vocabulary),
        kernel=7 if first else 3,
        stride=STRIDES[stage],
        bias=True,
    )
    if first and shortcut == "membrane":
        return Unit(conv=conv, norm=vocabulary.build_norm(channels_out))
    return branch_unit(shortcut, vocabulary, channels_out, {"conv": conv})
