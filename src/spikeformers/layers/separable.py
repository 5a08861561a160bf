"""Separable convolutions as residual branches: the token mixers of convolutional blocks."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.memory import Memory
from spikeformers.layers.residual import Shortcut
from spikeformers.layers.unit import branch_unit, unit_inputs
from spikeformers.layers.values import REAL, Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Conv2d


class SeparableConvolution(nn.Module):
    """C -> 2C by 1x1, depthwise, 2C -> C by 1x1, over maps [T, B, C, H, W]; no biases.

    Meta-SpikeFormer (Yao et al., ICLR 2024) has neither norm nor neuron between the depthwise and the last convolution,
    which therefore sees real values; the two are one linear map. E-SpikeFormer (Yao et al., 2025) has both there.

    Args:
        dim: channels C.
        kernel: of the depthwise convolution.
        inputs: declared values of the stream.
        vocabulary: neuron and norm.
        shortcut: how the branch joins the stream.
        split: whether a norm and a neuron follow the depthwise convolution.
        ratio: channels of the depthwise convolution over C; 2 in both papers.
    """

    def __init__(
        self,
        dim: int,
        *,
        kernel: int,
        inputs: Values,
        vocabulary: Vocabulary,
        shortcut: Shortcut,
        split: bool,
        ratio: float = 2.0,
    ) -> None:
        super().__init__()
        wide, spikes = int(dim * ratio), vocabulary.spikes
        expand = Conv2d(dim, wide, inputs=unit_inputs(shortcut, inputs, vocabulary), kernel=1)
        depthwise = Conv2d(wide, wide, inputs=spikes, kernel=kernel, groups=wide)
        contract = Conv2d(wide, dim, inputs=spikes if split else REAL, kernel=1)
        self.units = nn.ModuleList([branch_unit(shortcut, vocabulary, wide, {"conv": expand})])
        if split:
            self.units.append(branch_unit(shortcut, vocabulary, wide, {"conv": depthwise}))
            self.units.append(branch_unit(shortcut, vocabulary, dim, {"conv": contract}, last=True))
        else:
            both: dict[str, nn.Module] = {"depthwise": depthwise, "conv": contract}
            self.units.append(branch_unit(shortcut, vocabulary, dim, both, last=True))

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, H, W] -> the same."""
        for unit in self.units:
            x = unit(x, memory)
        return x
