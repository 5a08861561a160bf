"""The operations that multiply: convolution, linear, and the matrix product of two activations.

They are leaf modules over [T, B, ...] which declare the values of their operands and describe themselves.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from spikeformers.layers.frames import over_frames
from spikeformers.layers.op_spec import OpSpec
from spikeformers.layers.values import Values

Init = Literal["kaiming_uniform", "trunc_normal"]


class Conv2d(nn.Conv2d):
    """Convolution over maps [T, B, C, H, W], the time axis merged with the batch.

    Initialised as PyTorch does (Kaiming uniform with a = sqrt 5), as the papers leave it.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        inputs: Values,
        kernel: int = 3,
        stride: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__(channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=bias)
        self.inputs = inputs

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, H, W] -> [T, B, C', H', W']."""
        return over_frames(super().forward, x)

    def op_spec(self) -> OpSpec:
        """The convolution."""
        assert not isinstance(self.padding, str)
        return OpSpec(
            kind="convolution",
            inputs=(self.inputs,),
            weight_shape=tuple(self.weight.shape),
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias is not None,
        )


class Linear(nn.Linear):
    """Linear map over the channels of tokens [T, B, C, N]: what the papers write as a linear or a 1x1 convolution.

    Args:
        inputs: declared values of the input.
        init: "trunc_normal" (standard deviation 0.02, cut at +-2, bias 0: the papers' linears) or "kaiming_uniform"
            (PyTorch's default: the papers' 1x1 convolutions).
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, inputs: Values, bias: bool = True, init: Init = "trunc_normal"
    ) -> None:
        super().__init__(channels_in, channels_out, bias)
        self.inputs = inputs
        if init == "trunc_normal":
            nn.init.trunc_normal_(self.weight, std=0.02)
            if bias:
                nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, N] -> [T, B, C', N]; channels are innermost in memory, so that neither transposition copies."""
        return super().forward(x.transpose(-1, -2)).transpose(-1, -2)

    def op_spec(self) -> OpSpec:
        """The linear map."""
        return _linear_spec(self, self.inputs)


class Classifier(nn.Linear):
    """Linear map from pooled features [..., C] to logits [..., K]; trunc-normal weights, zero bias."""

    def __init__(self, channels: int, num_classes: int, *, inputs: Values) -> None:
        super().__init__(channels, num_classes)
        self.inputs = inputs
        nn.init.trunc_normal_(self.weight, std=0.02)
        nn.init.zeros_(self.bias)

    def op_spec(self) -> OpSpec:
        """The linear map."""
        return _linear_spec(self, self.inputs)


def _linear_spec(module: nn.Linear, inputs: Values) -> OpSpec:
    shape = tuple(module.weight.shape)
    return OpSpec(kind="linear", inputs=(inputs,), weight_shape=shape, bias=module.bias is not None)


class MatrixProduct(nn.Module):
    """Matrix product of two activations, times a constant.

    Args:
        left, right: declared values of the operands.
        scale: constant the product is multiplied by.
    """

    def __init__(self, left: Values, right: Values, *, scale: float = 1.0) -> None:
        super().__init__()
        self.left, self.right, self.scale = left, right, scale

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """[..., I, J] times [..., J, K] -> [..., I, K]."""
        product = a @ b
        return product if self.scale == 1 else product * self.scale

    def op_spec(self) -> OpSpec:
        """The product."""
        return OpSpec(kind="product", inputs=(self.left, self.right), scale=self.scale)

    @property
    def values(self) -> Values:
        """Values of the result."""
        return (self.left * self.right).scaled(self.scale)
