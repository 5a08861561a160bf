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

    @torch.no_grad()
    def move_statistics(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics towards those of a batch, as a training pass does.

        Args:
            mean, variance: of each channel [C], the variance biased.
            count: values of each channel they are of; the running variance is the unbiased one.
        """
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_((variance * (count / (count - 1))).to(self.running_var), share)

    def element_spec(self) -> ElementSpec:
        """The norm."""
        return ElementSpec(kind="norm")

    @torch.no_grad()
    def at_zero(self) -> Tensor:
        """What eval mode makes of zero [C]: bias - running_mean factor weight / sqrt(running_var + eps)."""
        assert self.running_mean is not None
        assert self.running_var is not None
        return self.bias - self.running_mean * (self.factor * self.weight) / torch.sqrt(self.running_var + self.eps)
