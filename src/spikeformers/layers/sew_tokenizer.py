"""Spikeformer's stems: the Convolutional Tokenizer, a chain of SEW residual blocks, and plain patches in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import mul

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.pool import AvgPool
from spikeformers.layers.residual import Add, Shortcut, joined_values
from spikeformers.layers.tokenizers import Tokenizer
from spikeformers.layers.unit import Unit, branch_unit
from spikeformers.layers.values import REAL, Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Conv2d


class SEWBlock(nn.Module):
    """Two units (convolution, norm, neuron) added to a shortcut: spike-element-wise (Fang et al., NeurIPS 2021).

    The shortcut is the input itself or, where stride or channels change, its mean over each window and a unit with a
    1x1 convolution.

    Args:
        channels_in, channels_out: of the map.
        kernel: of the convolutions, odd.
        stride: of the first convolution.
        inputs: declared values of the input.
        vocabulary: neuron and norm.

    Attributes:
        values: declared values of the sum.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        kernel: int,
        stride: int,
        inputs: Values,
        vocabulary: Vocabulary,
    ) -> None:
        super().__init__()
        spikes = vocabulary.spikes

        def unit(channels: int, arriving: Values, kernel: int, stride: int = 1) -> Unit:
            conv = Conv2d(channels, channels_out, inputs=arriving, kernel=kernel, stride=stride, init="kaiming_normal")
            return branch_unit("sew", vocabulary, channels_out, {"conv": conv})

        self.residual = Unit(first=unit(channels_in, inputs, kernel, stride), second=unit(channels_out, spikes, kernel))
        self.shortcut: Unit | None = None
        if stride > 1 or channels_in != channels_out:
            pool = AvgPool(stride)
            self.shortcut = Unit(pool=pool, project=unit(channels_in, pool.values(inputs), kernel=1))
        self.join = Add()
        self.values = joined_values("sew", inputs if self.shortcut is None else spikes, vocabulary)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, H, W] -> [T, B, C', H / stride, W / stride]."""
        branch = self.residual(x, memory)
        stream = x if self.shortcut is None else self.shortcut(x, memory)
        out: Tensor = self.join(stream, branch, memory)
        return out


def channel_schedule(dim: int, blocks: int, blocks_per_stage: int) -> list[int]:
    """Channels of each block: stage i of S has dim / 2^(S - 1 - i), the last has dim."""
    stages = -(-blocks // blocks_per_stage)
    return [dim // 2 ** (stages - 1 - block // blocks_per_stage) for block in range(blocks)]


class ConvolutionalTokenizer(Tokenizer):
    """A chain of SEW blocks, one for each stride; it yields the map of every block (Li, Lei, Yang, 2022).

    Args:
        in_channels: channels of the input.
        dim: channels C of the tokens.
        kernel: of the convolutions, odd.
        strides: of the blocks.
        blocks_per_stage: how many blocks share a width (see `channel_schedule`).
        vocabulary: neuron and norm.
        inputs: declared values of the input.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        *,
        kernel: int,
        strides: Sequence[int],
        blocks_per_stage: int,
        vocabulary: Vocabulary,
        inputs: Values = REAL,
    ) -> None:
        super().__init__()
        self.strides = tuple(accumulate(strides, mul))
        self.blocks = nn.ModuleList()
        channels = in_channels
        for stride, width in zip(strides, channel_schedule(dim, len(strides), blocks_per_stage), strict=True):
            block = SEWBlock(channels, width, kernel=kernel, stride=stride, inputs=inputs, vocabulary=vocabulary)
            self.blocks.append(block)
            channels, inputs = width, block.values
        self.values = inputs

    def maps(self, x: Tensor, memory: Memory | None = None) -> Iterator[Tensor]:
        """[T, B, C_in, H, W] -> one map [T, B, C_i, H / stride, W / stride] after another."""
        for block in self.blocks:
            x = block(x, memory)
            yield x


class PatchTokenizer(Tokenizer):
    """Patches that do not overlap, each a token by one linear map (a convolution of kernel = stride), as in a ViT.

    It stands for the "vanilla model" that Spikeformer's ablation compares its tokenizer with. How that model embedded
    its patches is not known; ours has a bias, no norm and no neuron. With a vocabulary it takes the place of the stems
    of other papers: a norm in place of the bias, and behind it a neuron where the stream is spikes.

    Args:
        in_channels: channels of the input.
        dim: channels C of the tokens.
        stride: height and width of a patch.
        inputs: declared values of the input.
        vocabulary: norm and neuron, or None for neither.
        shortcut: of the stream; "membrane" is a real one.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        *,
        stride: int,
        inputs: Values = REAL,
        vocabulary: Vocabulary | None = None,
        shortcut: Shortcut = "membrane",
    ) -> None:
        super().__init__()
        self.strides = (stride,)
        plain = vocabulary is None
        self.conv = Conv2d(in_channels, dim, inputs=inputs, kernel=stride, stride=stride, padding=0, bias=plain)
        self.activation = Unit()
        self.values = REAL
        if vocabulary is not None:
            self.activation.add_module("norm", vocabulary.build_norm(dim))
            if shortcut != "membrane":
                self.activation.add_module("neuron", vocabulary.build_neuron())
                self.values = vocabulary.spikes

    def maps(self, x: Tensor, memory: Memory | None = None) -> Iterator[Tensor]:
        """[T, B, C_in, H, W] -> the one map [T, B, C, H / stride, W / stride]."""
        yield self.activation(self.conv(x), memory)
