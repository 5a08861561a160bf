"""Softmax as a leaf, so that measuring sees it."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.op_spec import ElementSpec


class Softmax(nn.Module):
    """exp(x) / sum of exp(x) over the last axis.

    Args:
        timed: see `ElementSpec`.
    """

    def __init__(self, *, timed: bool = True) -> None:
        super().__init__()
        self.timed = timed

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x.softmax(-1)

    def element_spec(self) -> ElementSpec:
        """The softmax."""
        return ElementSpec(kind="softmax", timed=self.timed)
