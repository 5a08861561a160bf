"""The operations that multiply: convolution, linear, and the matrix product of two activations.

They are leaf modules over [T, B, ...] which declare the values of their operands and describe themselves.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from spikeformers.layers.frames import once_if_repeated, over_frames
from spikeformers.layers.op_spec import OpSpec
from spikeformers.layers.values import BINARY, Values
from spikeformers.ops.depthwise import depthwise
from spikeformers.ops.linear import linear
from spikeformers.ops.lookup import lookup

Init = Literal["kaiming_uniform", "kaiming_normal", "trunc_normal", "zeros"]


def initialise(module: nn.Conv1d | nn.Conv2d | nn.Linear, init: Init) -> None:
    """Draw the weights of a module that PyTorch has initialised.

    Args:
        init: "kaiming_uniform" leaves them as PyTorch drew them (a = sqrt 5), the bias too; "kaiming_normal" is He's
            normal distribution by fan-in; "trunc_normal" has standard deviation 0.02, cut at +-2, and zero bias;
            "zeros" makes both zero.
    """
    if init == "kaiming_normal":
        nn.init.kaiming_normal_(module.weight)
    elif init == "trunc_normal":
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif init == "zeros":
        nn.init.zeros_(module.weight)
    if init in ("trunc_normal", "zeros") and module.bias is not None:
        nn.init.zeros_(module.bias)


class Conv2d(nn.Conv2d):
    """Convolution over maps [T, B, C, H, W], the time axis merged with the batch.

    Args:
        inputs: declared values of the input.
        kernel: its size, or its height and width.
        padding: None is half the kernel, which keeps the size of a map at stride 1 and odd kernels.
        init: see `initialise`.

    Attributes:
        sub_steps: see `OpSpec`, as for every operation here.
    """

    sub_steps: tuple[int, ...] = ()

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        inputs: Values,
        kernel: int | tuple[int, int] = 3,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        bias: bool = False,
        init: Init = "kaiming_uniform",
    ) -> None:
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        pads = (height // 2, width // 2) if padding is None else (padding, padding)
        super().__init__(channels_in, channels_out, (height, width), stride, padding=pads, groups=groups, bias=bias)
        self.inputs = inputs
        initialise(self, init)

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, H, W] -> [T, B, C', H', W']; of a frame repeated over T, the same result T times in one place."""
        return once_if_repeated(lambda frames: over_frames(self._convolve, frames), x)

    def _convolve(self, frames: Tensor) -> Tensor:
        if type(self)._conv_forward is nn.Conv2d._conv_forward and (out := self._fast(frames)) is not None:
            return out
        # Channels innermost, oneDNN takes maps and weights as they are; other forms it would convert at every call.
        if frames.device.type == "cpu" and frames.dtype in (torch.float32, torch.bfloat16, torch.float16):
            frames = frames.contiguous(memory_format=torch.channels_last)
            weight = self.weight.contiguous(memory_format=torch.channels_last)
            convolved: Tensor = self._conv_forward(frames, weight, self.bias)
            return convolved
        return super().forward(frames)

    def _fast(self, frames: Tensor) -> Tensor | None:
        """By an operation of ours; None where there is none for it."""
        pads: tuple[int, int] = self.padding  # type: ignore[assignment]
        if self.inputs == BINARY and self.groups == 1 and self.dilation == (1, 1):
            return lookup(frames, self.weight, self.bias, self.stride, pads)  # type: ignore[arg-type]
        if self.groups == self.in_channels == self.out_channels > 1 and self.stride == self.dilation == (1, 1):
            return depthwise(frames, self.weight, self.bias, pads)
        return None

    def op_spec(self) -> OpSpec:
        """The convolution."""
        return _convolution_spec(self)


class Conv1d(nn.Conv1d):
    """Convolution along the last axis of [T, B, ..., C, L], all axes in front of the channels merged.

    Args:
        inputs: declared values of the input.
        kernel: odd; padded by half of it, so that the length stays.
        init: see `initialise`.
    """

    sub_steps: tuple[int, ...] = ()

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        inputs: Values,
        kernel: int,
        bias: bool = False,
        init: Init = "kaiming_uniform",
    ) -> None:
        super().__init__(channels_in, channels_out, kernel, padding=kernel // 2, bias=bias)
        self.inputs = inputs
        initialise(self, init)

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, ..., C, L] -> [T, B, ..., C', L]."""
        return torch.unflatten(super().forward(x.flatten(0, -3)), 0, x.shape[:-2])

    def op_spec(self) -> OpSpec:
        """The convolution."""
        return _convolution_spec(self)


def _convolution_spec(module: Conv1d | Conv2d) -> OpSpec:
    assert not isinstance(module.padding, str)
    return OpSpec(
        kind="convolution",
        inputs=(module.inputs,),
        weight_shape=tuple(module.weight.shape),
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        groups=module.groups,
        bias=module.bias is not None,
        sub_steps=module.sub_steps,
    )


class Linear(nn.Linear):
    """Linear map over the channels of tokens or maps: what the papers write as a linear or a 1x1 convolution.

    Args:
        inputs: declared values of the input.
        init: see `initialise`; the papers' linears are "trunc_normal", their 1x1 convolutions "kaiming_uniform".
    """

    sub_steps: tuple[int, ...] = ()

    def __init__(
        self, channels_in: int, channels_out: int, *, inputs: Values, bias: bool = True, init: Init = "trunc_normal"
    ) -> None:
        super().__init__(channels_in, channels_out, bias)
        self.inputs = inputs
        initialise(self, init)

    def forward(self, x: Tensor) -> Tensor:
        """[T, B, C, ...] -> [T, B, C', ...]; channels are innermost in memory, so that no transposition copies."""
        return once_if_repeated(self._map, x)

    def _map(self, x: Tensor) -> Tensor:
        if self.inputs == BINARY:
            maps = x.flatten(3).flatten(0, 1).unsqueeze(-1)  # [T B, C, N, 1]
            looked_up = lookup(maps, self.weight[:, :, None, None], self.bias)
            if looked_up is not None:
                return looked_up.view(*x.shape[:2], -1, *x.shape[3:])
        rows = x.flatten(3).transpose(-1, -2)  # [T, B, N, C]
        return torch.unflatten(linear(rows, self.weight, self.bias).transpose(-1, -2), 3, x.shape[3:])

    def op_spec(self) -> OpSpec:
        """The linear map."""
        return _linear_spec(self, axis=2)


class Classifier(nn.Linear):
    """Linear map over the last axis: pooled features [..., C] to logits [..., K].

    Args:
        inputs: declared values of the input.
        init: see `initialise`.
    """

    sub_steps: tuple[int, ...] = ()

    def __init__(self, channels: int, num_classes: int, *, inputs: Values, init: Init = "trunc_normal") -> None:
        super().__init__(channels, num_classes)
        self.inputs = inputs
        initialise(self, init)

    def op_spec(self) -> OpSpec:
        """The linear map."""
        return _linear_spec(self, axis=-1)


def _linear_spec(module: Linear | Classifier, *, axis: int) -> OpSpec:
    return OpSpec(
        kind="linear",
        inputs=(module.inputs,),
        weight_shape=tuple(module.weight.shape),
        bias=module.bias is not None,
        sub_steps=module.sub_steps,
        axis=axis,
    )


class Product(nn.Module):
    """A product of two activations, times a constant.

    Args:
        left, right: declared values of the operands.
        scale: constant the product is multiplied by.
        timed: see `OpSpec`.
    """

    kind: Literal["product", "mask"]
    sub_steps: tuple[int, ...] = ()

    def __init__(self, left: Values, right: Values, *, scale: float = 1.0, timed: bool = True) -> None:
        super().__init__()
        self.left, self.right, self.scale, self.timed = left, right, scale, timed

    def scaled(self, product: Tensor) -> Tensor:
        """The product times the constant."""
        return product if self.scale == 1 else product * self.scale

    def op_spec(self) -> OpSpec:
        """The product."""
        return OpSpec(
            kind=self.kind,
            inputs=(self.left, self.right),
            scale=self.scale,
            sub_steps=self.sub_steps,
            timed=self.timed,
        )


class MatrixProduct(Product):
    """Matrix product of two activations, times a constant."""

    kind = "product"

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """[..., I, J] times [..., J, K] -> [..., I, K]."""
        return self.scaled(a @ b)

    @property
    def values(self) -> Values:
        """Values of the result."""
        return (self.left * self.right).scaled(self.scale)


class Mask(Product):
    """Element-wise product of two activations, times a constant: spikes that let each other through."""

    kind = "mask"

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two tensors that broadcast to one shape -> that shape."""
        return self.scaled(a * b)

    @property
    def values(self) -> Values:
        """Values of the result."""
        return self.left.masked(self.right).scaled(self.scale)
