"""Layer normalisation over the channels of [T, B, C, ...]."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.op_spec import ElementSpec


class LayerNorm(nn.LayerNorm):
    """Normalises the channels of each position, time step and sample by themselves, in training and eval mode alike.

    Args:
        channels: C.
        eps: added to the variance; 1e-6 as in vision transformers.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__(channels, eps)

    def forward(self, input: Tensor) -> Tensor:
        """[T, B, C, ...] -> the same, channels innermost in memory."""
        return super().forward(input.movedim(2, -1)).movedim(-1, 2)

    def element_spec(self) -> ElementSpec:
        """The norm."""
        return ElementSpec(kind="norm")
