"""Heads: from the last map to logits."""

from __future__ import annotations

from torch import Tensor, nn

from spikeformers.layers.values import REAL
from spikeformers.layers.weighted import Classifier


class MeanHead(nn.Module):
    """Mean over positions, mean over time, one linear: logits without a neuron or norm in front."""

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        self.linear = Classifier(dim, num_classes, inputs=REAL)

    def forward(self, features: Tensor) -> Tensor:
        """[T, B, C, H, W] -> logits [B, K]."""
        logits: Tensor = self.linear(features.flatten(3).mean(-1).mean(0))
        return logits

    def steps(self, features: Tensor) -> Tensor:
        """[T, B, C, H, W] -> logits of each time step [T, B, K]; their mean over T is `forward`."""
        logits: Tensor = self.linear(features.flatten(3).mean(-1))
        return logits
