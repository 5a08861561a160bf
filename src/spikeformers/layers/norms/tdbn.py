"""tdBN: batch normalisation that knows the threshold behind it."""

from __future__ import annotations

import math

from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.layers.norms.batch_norm import BatchNorm


class ThresholdDependentBatchNorm(BatchNorm):
    """weight alpha v_threshold (x - mean) / sqrt(variance + eps) + bias (tdBN, Zheng et al., AAAI 2021).

    Mean and variance as those of `BatchNorm`, over time, batch and positions. Currents then start with a spread of
    alpha thresholds. v_threshold is that of the config, also in front of a neuron with one of its own. SpikingJelly's
    has the factor in the start of its weight instead, which is the same function before training.

    Args:
        channels: C.
        v_threshold: of the neurons.
        alpha: by the paper 1, and 1/sqrt(2) for both of two branches that are added up, as far as known.

    Raises:
        ConfigError: alpha is no positive number.
    """

    def __init__(self, channels: int, *, v_threshold: float, alpha: float = 1.0) -> None:
        super().__init__(channels)
        if not 0 < alpha < math.inf:
            raise ConfigError(f"alpha of tdbn must be a positive number, got {alpha}.")
        self.factor = alpha * v_threshold

    def forward(self, input: Tensor) -> Tensor:
        """[T, B, C, ...] -> the same."""
        out = super().forward(input)
        if self.factor == 1:
            return out
        bias = self.bias.to(out.dtype).view(-1, *[1] * (out.dim() - 3))
        return self.factor * (out - bias) + bias
