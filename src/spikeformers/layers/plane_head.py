"""A head that learns how to pool space and time: the spatio-temporal block of SGLFormer's classifier."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spikeformers.errors import InputError, NotStreamable
from spikeformers.layers.head import Head
from spikeformers.layers.memory import Memory
from spikeformers.layers.norms import BatchNorm
from spikeformers.layers.op_spec import OpSpec
from spikeformers.layers.unit import Unit
from spikeformers.layers.values import REAL, Values
from spikeformers.layers.weighted import Classifier, Conv2d


class PlaneConvolution(Conv2d):
    """Depthwise convolution whose kernel is the whole (token, time) plane: a weighted sum for each channel, and a bias.

    Args:
        channels: C.
        tokens, time_steps: N and T of the plane.
        inputs: declared values of the input.
    """

    def __init__(self, channels: int, tokens: int, time_steps: int, *, inputs: Values) -> None:
        plane = (tokens, time_steps)
        super().__init__(channels, channels, inputs=inputs, kernel=plane, padding=0, groups=channels, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, N, T] -> [1, B, C]."""
        assert self.bias is not None
        return ((x * self.weight.squeeze(1)).sum((2, 3)) + self.bias).unsqueeze(0)

    def op_spec(self) -> OpSpec:
        """The convolution, made once for all time steps."""
        return replace(super().op_spec(), timed=False)


class SampleNorm(BatchNorm):
    """Batch norm of one vector a sample, [1, B, C]; one sample alone has no statistics, and gets the running ones."""

    def forward(self, input: Tensor) -> Tensor:
        """[1, B, C] -> the same."""
        if self._by_batch(input):
            return super().forward(input)
        return F.batch_norm(
            input[0], self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        ).unsqueeze(0)

    def gain(self, x: Tensor) -> Tensor:
        """What a difference between two inputs is multiplied by where x sets the statistics, [C]."""
        assert self.running_var is not None
        variance = x.var((0, 1), unbiased=False) if self._by_batch(x) else self.running_var
        return self.weight * (variance + self.eps).rsqrt()

    def _by_batch(self, x: Tensor) -> bool:
        return self.training and x.shape[1] > 1


class PlanePoolingHead(Head):
    """Depthwise convolution over all tokens of all time steps, batch norm, a linear: SGLFormer's, Zhang et al. 2024.

    The logits of a time step are its contribution: with p_t what the convolution makes of the tokens of step t alone,
    without its bias b, steps_t = W norm(T p_t + b) + c, where the norm has the statistics of the sum over all steps.
    Their mean over T is W norm(sum of p_t + b) + c, the logits, up to rounding.

    The norm is a batch norm whatever word the blocks have: time is gone where it stands, and what it does must be the
    same for every time step.

    Args:
        dim, num_classes: channels C and classes K.
        grid: height and width of the map.
        time_steps: T; None is one kernel over the tokens for every time step, whose results are averaged: that of an
            ANN twin, which has no time.
        inputs: declared values of the features.
    """

    def __init__(
        self, dim: int, num_classes: int, *, grid: tuple[int, int], time_steps: int | None, inputs: Values
    ) -> None:
        super().__init__()
        self.grid, self.time_steps = grid, time_steps
        each = inputs if time_steps else REAL  # a mean over time is no integer
        conv = PlaneConvolution(dim, grid[0] * grid[1], time_steps or 1, inputs=each)
        self.pool = Unit(conv=conv, norm=SampleNorm(dim))
        self.linear = Classifier(dim, num_classes, inputs=REAL)

    def forward(self, features: Tensor) -> Tensor:
        """[T, B, C, H, W] -> logits [B, K].

        Raises:
            InputError: a map of another size, or another number of time steps, than the head is built for.
        """
        logits: Tensor = self.linear(self.pool(self._plane(features)).squeeze(0))
        return logits

    def outputs(self, features: Tensor, memory: Memory | None = None) -> dict[str, Tensor]:
        """[T, B, C, H, W] -> "logits" [B, K] and "steps" [T, B, K].

        Raises:
            InputError: as `forward`.
            NotStreamable: there is a memory, and the weights differ between time steps.
        """
        if memory is not None and self.time_steps is not None:
            raise NotStreamable(
                "this head has weights of their own for each time step and pools all time steps at once, so that the "
                "model cannot be run step by step. Give it all frames in one call."
            )
        conv, norm = self.pool.get_submodule("conv"), self.pool.get_submodule("norm")
        pooled: Tensor = conv(self._plane(features))  # [1, B, C]
        normed: Tensor = norm(pooled)
        # The norm is asked once: in training its statistics are those of the sum over all time steps.
        gain = norm.gain(pooled) if isinstance(norm, SampleNorm) else 1.0  # 1 where it is folded into the convolution
        steps = normed + gain * (self._each_alone(features, conv) - pooled)
        return {"logits": self.linear(normed.squeeze(0)), "steps": self.linear(steps)}

    def _plane(self, features: Tensor) -> Tensor:
        """[T, B, C, H, W] -> what the kernel lies on, [B, C, N, T] or, without time, [B, C, N, 1]."""
        T, (H, W) = len(features), features.shape[-2:]
        if self.grid != (H, W) or self.time_steps not in (None, T):
            steps = "" if self.time_steps is None else f" of {self.time_steps} time steps"
            raise InputError(
                f"the head has a weight for each token{' and time step' if self.time_steps else ''}, of maps of "
                f"{self.grid[0]} x {self.grid[1]} tokens{steps}; got {H} x {W} tokens, {T} time steps. Build the model "
                "with the image_size and time_steps of this data."
            )
        plane = features.flatten(3).permute(1, 2, 3, 0)
        return plane if self.time_steps else plane.mean(-1, keepdim=True)

    def _each_alone(self, features: Tensor, conv: nn.Module) -> Tensor:
        """What the convolution would give if every time step contributed what step t does, [T, B, C]."""
        if self.time_steps is None:
            return torch.cat([conv(self._plane(step)) for step in torch.split(features, 1)])
        plane = self._plane(features)
        bias = conv(torch.zeros_like(plane))
        alone = (torch.arange(len(features), device=plane.device) == t for t in range(len(features)))
        return torch.cat([len(features) * (conv(plane * step) - bias) + bias for step in alone])
