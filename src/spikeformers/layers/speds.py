"""QKFormer's stem, which also stands between its stages: convolutions and beside them a 1x1 convolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn

from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.pool import MaxPool
from spikeformers.layers.residual import Shortcut, branch_values, build_join, joined_values
from spikeformers.layers.unit import Unit, branch_unit, unit_inputs
from spikeformers.layers.values import Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Conv2d


@dataclass(frozen=True, kw_only=True)
class EmbeddingForm:
    """How the embeddings of a released form differ.

    Args:
        widths: of the first one, for each convolution: the channels behind it are those of the stage over this.
        pooling: of the first one, one digit for each convolution, 1 where a max-pool halves the map.
        fork: of the first one: how many convolutions lie in front of the shortcut.
        later_pooling: as `pooling`, of the two convolutions of every other one.
    """

    widths: tuple[int, ...]
    pooling: str
    fork: int
    later_pooling: str

    def strides(self, stages: int) -> tuple[int, ...]:
        """True stride behind the embedding of each stage."""
        return tuple(2 ** (self.pooling.count("1") + i * self.later_pooling.count("1")) for i in range(stages))


EMBEDDING_FORMS: Final[dict[str, EmbeddingForm]] = {
    "cifar": EmbeddingForm(widths=(2, 1), pooling="00", fork=1, later_pooling="01"),
    "imagenet": EmbeddingForm(widths=(2, 1, 1), pooling="110", fork=1, later_pooling="10"),
    "events": EmbeddingForm(widths=(8, 4, 2, 1), pooling="0111", fork=2, later_pooling="01"),
}


class DeformedShortcutEmbedding(TakesMemory):
    """A chain of 3x3 convolutions, and a shortcut past its end that a 1x1 convolution fits to size and channels.

    "SPEDS" in the paper (spiking patch embedding with deformed shortcut, Zhou et al., NeurIPS 2024). Each convolution
    has a norm, a max-pool where the map is halved, and a neuron. The strided shortcut sees one position of each window.
    With "sew" spikes are added to spikes, so that the map holds integers 0..2.

    Args:
        channels_in: of the input.
        widths: channels behind each convolution of the chain.
        pooling: one digit for each of them, 1 where a max-pool halves the map.
        fork: how many of them lie in front of the shortcut.
        inputs: declared values of the input.
        vocabulary: neuron and norm.
        shortcut: how the two join, and where the neurons are with it (see `layers.residual`).
        first: whether the input is what the encoder gives, which no neuron of a membrane form has seen.

    Attributes:
        values: declared values of the result.
    """

    def __init__(
        self,
        channels_in: int,
        widths: Sequence[int],
        *,
        pooling: str,
        fork: int,
        inputs: Values,
        vocabulary: Vocabulary,
        shortcut: Shortcut,
        first: bool,
    ) -> None:
        super().__init__()
        self.fork = fork
        channels, arriving = [channels_in, *widths], [inputs, *[vocabulary.spikes] * len(widths)]
        last, stride = len(widths) - 1, 2 ** pooling[fork:].count("1")

        def unit(i: int, to: int, *, kernel: int, stride: int = 1, last: bool = False, pooled: bool = False) -> Unit:
            """From what lies in front of convolution i."""
            raw = first and i == 0
            fed = arriving[i] if raw else unit_inputs(shortcut, arriving[i], vocabulary)
            conv: dict[str, nn.Module] = {
                "conv": Conv2d(channels[i], channels[to], inputs=fed, kernel=kernel, stride=stride)
            }
            pool = {"pool": MaxPool()} if pooled else {}
            if raw and shortcut == "membrane":
                return Unit(**conv, norm=vocabulary.build_norm(channels[to]), **pool)
            return branch_unit(shortcut, vocabulary, channels[to], conv, last=last, behind=pool)

        self.units = nn.ModuleList(
            unit(i, i + 1, kernel=3, last=i == last, pooled=digit == "1") for i, digit in enumerate(pooling)
        )
        self.shortcut = unit(fork, len(widths), kernel=1, stride=stride, last=True)
        self.join = build_join(shortcut, vocabulary)
        self.values = joined_values(shortcut, branch_values(shortcut, vocabulary), vocabulary)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, H, W] -> [T, B, C', H / s, W / s], s two to the power of the pools."""
        forked = x
        for i, unit in enumerate(self.units):
            x = unit(x, memory)
            if i == self.fork - 1:
                forked = x
        out: Tensor = self.join(self.shortcut(forked, memory), x, memory)
        return out
