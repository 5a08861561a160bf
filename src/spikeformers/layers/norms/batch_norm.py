"""Batch normalisation over [T, B, C, ...]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from spikeformers.layers.frames import over_frames
from spikeformers.layers.op_spec import ElementSpec


class BatchNorm(_BatchNorm):
    """Batch normalisation of each channel over time, batch and positions together (eps 1e-5, momentum 0.1).

    Attributes:
        factor: on the weight; 1 but in norms derived from this one.
    """

    factor: float = 1.0

    def _check_input_dim(self, input: Tensor) -> None:
        """Any [T, B, C, ...] will do."""

    def forward(self, input: Tensor) -> Tensor:
        """[T, B, C, ...] -> the same."""
        T, B, C = input.shape[:3]
        if input.dim() == 4 and input.stride(2) == 1:
            # Tokens with channels innermost are rows of a matrix [T B N, C]: torch has a fast path for that form only.
            rows = super().forward(input.transpose(-1, -2).reshape(-1, C))
            return rows.reshape(T, B, -1, C).transpose(-1, -2)
        return over_frames(super().forward, input)

    def element_spec(self) -> ElementSpec:
        """The norm."""
        return ElementSpec(kind="norm")

    @torch.no_grad()
    def at_zero(self) -> Tensor:
        """What eval mode makes of zero [C]: bias - running_mean factor weight / sqrt(running_var + eps)."""
        assert self.running_mean is not None
        assert self.running_var is not None
        return self.bias - self.running_mean * (self.factor * self.weight) / torch.sqrt(self.running_var + self.eps)
