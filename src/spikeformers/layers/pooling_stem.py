"""A stem of convolutions without a position embedding: SGLFormer's tokenizer (Zhang et al., Front. Neurosci. 2024)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.pool import MaxPool
from spikeformers.layers.residual import Shortcut
from spikeformers.layers.tokenizers import Tokenizer, stage_strides
from spikeformers.layers.unit import Unit
from spikeformers.layers.values import REAL, Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Conv2d


class PoolingStem(Tokenizer):
    """Stages (convolution, norm, pool where `pooling` has a 1, neuron), each as wide as it is told.

    With the "membrane" shortcut the last neuron is left out: the stream is real, and every branch has one in front.

    Args:
        in_channels: channels of the input.
        widths: channels of each stage.
        pooling: one digit for each stage; one with a 1 halves the map.
        pool_before_neuron: pool the real pre-activations in place of the spikes, as the authors do.
        vocabulary: neuron and norm.
        inputs: declared values of the input.
        shortcut: of the blocks behind it.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        *,
        pooling: str,
        pool_before_neuron: bool,
        vocabulary: Vocabulary,
        inputs: Values = REAL,
        shortcut: Shortcut = "sew",
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        channels, values = in_channels, inputs
        for width, pooled in zip(widths, pooling, strict=True):
            parts: dict[str, nn.Module] = {
                "conv": Conv2d(channels, width, inputs=values),
                "norm": vocabulary.build_norm(width),
                "neuron": vocabulary.build_neuron(),
            }
            if pooled == "1":
                parts["pool"] = MaxPool()
                if pool_before_neuron:
                    parts["neuron"] = parts.pop("neuron")
            if shortcut == "membrane" and len(self.stages) == len(widths) - 1:
                del parts["neuron"]
            self.stages.append(Unit(**parts))
            channels, values = width, vocabulary.spikes
        self.strides = tuple(stage_strides(pooling))
        self.values = REAL if shortcut == "membrane" else vocabulary.spikes

    def maps(self, x: Tensor, memory: Memory | None = None) -> Iterator[Tensor]:
        """[T, B, C_in, H, W] -> one map [T, B, C_i, H / stride, W / stride] after another."""
        for stage in self.stages:
            x = stage(x, memory)
            yield x
