"""A 3x3 convolution trained as a stack of thinner ones, which fold into it for inference."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.layers.frames import over_frames
from spikeformers.layers.memory import Memory, TakesMemory
from spikeformers.layers.norms import BatchNorm, normalised
from spikeformers.layers.projection import Projection
from spikeformers.layers.values import REAL, Values
from spikeformers.layers.vocabulary import Vocabulary
from spikeformers.layers.weighted import Conv2d


class RepConv(TakesMemory):
    """1x1 convolution, norm, depthwise 3x3, 1x1, norm: in eval mode one 3x3 convolution (Meta-SpikeFormer, ICLR 2024).

    The border of the depthwise convolution is padded with what the norm makes of zero, as if the first 1x1 had been
    padded with zeros; only so do the parts fold. In training the border follows the running statistics, after their
    update by this batch, while the map itself is normalised by the batch; no gradient flows through the border. A norm
    that is no BatchNorm, or not the same at every time step, cannot say what it makes of zero: its border is zero.

    Unfused, the depthwise and the second 1x1 convolution see real values; `models.fuse(model, rep_conv=True)` gives the
    convolution that spikes alone reach.

    Args:
        channels_in, channels_out: channels.
        inputs: declared values of the input.
        vocabulary: the norm.
    """

    def __init__(self, channels_in: int, channels_out: int, *, inputs: Values, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.expand = Conv2d(channels_in, channels_in, inputs=inputs, kernel=1)
        self.norm = vocabulary.build_norm(channels_in)
        self.depthwise = Conv2d(channels_in, channels_in, inputs=REAL, padding=0, groups=channels_in)
        self.contract = Conv2d(channels_in, channels_out, inputs=REAL, kernel=1)
        self.out_norm = vocabulary.build_norm(channels_out)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """[T, B, C, H, W] -> [T, B, C', H, W]."""
        x = normalised(self.norm, self.expand(x), memory)
        # Behind the norm: in training it has just moved the statistics that the border follows.
        border = self._border()
        return normalised(self.out_norm, self.contract(self.depthwise(with_border(x, border))), memory)

    def _border(self) -> Tensor:
        """What the norm makes of zero [C]; where it is folded, what the first convolution does: its bias."""
        if isinstance(self.norm, BatchNorm) and not isinstance(self.norm, TakesMemory):
            return self.norm.at_zero()
        bias = self.expand.bias
        return self.expand.weight.new_zeros(self.expand.out_channels) if bias is None else bias.detach()


def with_border(x: Tensor, border: Tensor) -> Tensor:
    """Pad maps [T, B, C, H, W] by one pixel on each side with one value per channel [C]."""
    H, W = x.shape[-2:]
    outside = F.pad(x.new_zeros(H, W), (1, 1, 1, 1), value=1.0)
    frame = outside * border.to(x.dtype).view(-1, 1, 1)  # [C, H + 2, W + 2]
    return over_frames(lambda maps: F.pad(maps, (1, 1, 1, 1)) + frame, x)


def rep_conv_projection(vocabulary: Vocabulary) -> Projection:
    """Projections of an attention that are RepConvs over the map."""

    def build(channels_in: int, channels_out: int, inputs: Values) -> dict[str, nn.Module]:
        return {"conv": RepConv(channels_in, channels_out, inputs=inputs, vocabulary=vocabulary)}

    return build
