"""Convolutional stems that turn images or event frames into tokens.

`pooling` has one digit for each of four stages, 1 where a max-pool halves the map.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from itertools import accumulate

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.pool import MaxPool
from spikeformers.layers.residual import Shortcut, build_join, joined_values
from spikeformers.layers.unit import Unit, branch_unit
from spikeformers.layers.values import REAL, Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Conv2d, Init


def stage_strides(pooling: str) -> list[int]:
    """Stride of the map behind each digit of `pooling`."""
    return list(accumulate((2 if digit == "1" else 1 for digit in pooling), lambda stride, step: stride * step))


class Tokenizer(nn.Module, ABC):
    """A stem that yields its maps stage by stage.

    Attributes:
        strides: true stride of each map it yields, finest first.
        values: declared values of the last map.
    """

    strides: tuple[int, ...]
    values: Values

    @abstractmethod
    def maps(self, x: Tensor, memory: Memory | None = None) -> Iterator[Tensor]:
        """[T, B, C_in, H, W] -> one map [T, B, C_i, H / stride, W / stride] after another."""

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C_in, H, W] -> the last map."""
        return deque(self.maps(x, memory), maxlen=1)[0]


class PatchSplitting(Tokenizer):
    """Spikformer's stem: four stages (convolution, norm, neuron, pool), then a convolutional position embedding.

    Widths C/8, C/4, C/2, C. With the "sew" shortcut the embedding (convolution, norm, neuron; "RPE" in the paper) is
    added to spikes, so the tokens are integers 0..2 (Zhou et al., ICLR 2023). With the "membrane" shortcut the last
    neuron comes behind the fork: the embedding (neuron, convolution, norm) is added to the real, pooled pre-activations
    of the last stage (Spike-driven Transformer, Yao et al., NeurIPS 2023).

    Args:
        in_channels: channels of the input.
        dim: channels C of the tokens.
        pooling: four digits; a stage with a 1 halves the map.
        pool_before_neuron: pool the real pre-activations in place of the spikes (CML, Zhou et al. 2024).
        vocabulary: neuron and norm.
        inputs: declared values of the input.
        shortcut: how the embedding joins the tokens, and the neurons with it.
        init: of the convolutions.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        *,
        pooling: str,
        pool_before_neuron: bool,
        vocabulary: Vocabulary,
        inputs: Values = REAL,
        shortcut: Shortcut = "sew",
        init: Init = "kaiming_uniform",
    ) -> None:
        super().__init__()
        widths = [in_channels, dim // 8, dim // 4, dim // 2, dim]
        spikes = vocabulary.spikes
        self.stages = nn.ModuleList()
        for i, pooled in enumerate(pooling):
            parts: dict[str, nn.Module] = {
                "conv": Conv2d(widths[i], widths[i + 1], inputs=spikes if i else inputs, init=init),
                "norm": vocabulary.build_norm(widths[i + 1]),
                "neuron": vocabulary.build_neuron(),
            }
            if pooled == "1":
                parts["pool"] = MaxPool()
                if pool_before_neuron:
                    parts["neuron"] = parts.pop("neuron")
            if shortcut == "membrane" and i == len(pooling) - 1:
                del parts["neuron"]
            self.stages.append(Unit(**parts))
        conv = Conv2d(dim, dim, inputs=spikes, init=init)
        self.position = branch_unit(shortcut, vocabulary, dim, {"conv": conv}, last=True)
        self.join = build_join(shortcut, vocabulary)
        strides = stage_strides(pooling)
        self.strides = (*strides, strides[-1])
        self.values = joined_values(shortcut, spikes, vocabulary)

    def maps(self, x: Tensor, memory: Memory | None = None) -> Iterator[Tensor]:
        """[T, B, C_in, H, W] -> one map [T, B, C_i, H / stride, W / stride] after another."""
        for stage in self.stages:
            x = stage(x, memory)
            yield x
        yield self.join(x, self.position(x, memory), memory)


class SpikingTokenizer(Tokenizer):
    """Spikingformer's stem: a convolution and norm, then four stages (neuron, pool, convolution, norm).

    Widths C/8, C/4, C/2, C, C; the tokens are real, the sum no neuron has seen yet (Zhou et al. 2023).

    With a shortcut whose stream is spikes a neuron follows the last norm.

    Args: as PatchSplitting; with `pool_before_neuron` a stage is (pool, neuron, convolution, norm).
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        *,
        pooling: str,
        pool_before_neuron: bool,
        vocabulary: Vocabulary,
        inputs: Values = REAL,
        shortcut: Shortcut = "membrane",
    ) -> None:
        super().__init__()
        widths = [dim // 8, dim // 4, dim // 2, dim, dim]
        first = Unit(conv=Conv2d(in_channels, widths[0], inputs=inputs), norm=vocabulary.build_norm(widths[0]))
        self.stages = nn.ModuleList([first])
        for i, pooled in enumerate(pooling):
            activation: list[tuple[str, nn.Module]] = [("neuron", vocabulary.build_neuron())]
            if pooled == "1":
                activation.insert(0 if pool_before_neuron else 1, ("pool", MaxPool()))
            conv = Conv2d(widths[i], widths[i + 1], inputs=vocabulary.spikes)
            self.stages.append(Unit(**dict(activation), conv=conv, norm=vocabulary.build_norm(widths[i + 1])))
        self.values = REAL
        if shortcut != "membrane":
            self.stages[-1].add_module("last_neuron", vocabulary.build_neuron())
            self.values = vocabulary.spikes
        self.strides = (1, *stage_strides(pooling))

    def maps(self, x: Tensor, memory: Memory | None = None) -> Iterator[Tensor]:
        """[T, B, C_in, H, W] -> one map [T, B, C_i, H / stride, W / stride] after another."""
        for stage in self.stages:
            x = stage(x, memory)
            yield x
