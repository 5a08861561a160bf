"""Convolutions as a residual branch with residuals of its own: SGLFormer's local block."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.residual import Shortcut, build_join, joined_values
from spikeformers.layers.separable import SeparableConvolution
from spikeformers.layers.unit import branch_unit, unit_inputs
from spikeformers.layers.values import Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Conv2d


class LocalConvolution(TakesMemory):
    """y = x + DW(x), then y + PW(DW(PW(y))): 3x3 depthwise and 1x1 convolutions (Zhang et al., Front. Neurosci. 2024).

    As a branch of a block its result is added to the stream again, which so holds x twice.

    Args:
        dim: channels C.
        ratio: channels between the two 1x1 convolutions over C.
        inputs: declared values of the stream.
        vocabulary: neuron and norm.
        shortcut: how the branches inside join the stream inside, as those of the block do outside.

    Attributes:
        values: declared values of what it gives.
    """

    def __init__(self, dim: int, *, ratio: float, inputs: Values, vocabulary: Vocabulary, shortcut: Shortcut) -> None:
        super().__init__()
        arriving = unit_inputs(shortcut, inputs, vocabulary)
        conv = Conv2d(dim, dim, inputs=arriving, groups=dim)
        self.depthwise = branch_unit(shortcut, vocabulary, dim, {"conv": conv}, last=True)
        between = joined_values(shortcut, inputs, vocabulary)
        self.separable = SeparableConvolution(
            dim, kernel=3, inputs=between, vocabulary=vocabulary, shortcut=shortcut, split=True, ratio=ratio
        )
        self.joins = nn.ModuleList(build_join(shortcut, vocabulary) for _ in range(2))
        self.values = joined_values(shortcut, between, vocabulary)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, H, W] -> the same."""
        for join, branch in zip(self.joins, (self.depthwise, self.separable), strict=True):
            x = join(x, branch(x, memory), memory)
        return x
