"""How a branch joins the residual stream."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.values import Values


class Add(nn.Module):
    """stream + branch.

    With a branch that ends in a neuron this is the SEW-ADD rule (integers that grow with depth: Spikformer); with one
    that starts with a neuron and ends in a norm it is the membrane shortcut (a real stream: Spikingformer).
    """

    def forward(self, stream: Tensor, branch: Tensor) -> Tensor:
        """[T, B, C, ...] twice -> the same."""
        return stream + branch

    @staticmethod
    def values(stream: Values, branch: Values) -> Values:
        """Values on the stream after the addition."""
        return stream + branch
