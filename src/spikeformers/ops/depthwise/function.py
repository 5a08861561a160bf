"""The depthwise convolution under autograd: it saves the input and the weight."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from spikeformers.ops.depthwise import native
from spikeformers.ops.layout import Layout
from spikeformers.ops.lif.native import channel_sums


class DepthwiseConvolution(torch.autograd.Function):
    """Convolution of maps [F, C, H, W] by a weight [C, 1, h, w], channels innermost, in the dtype of the maps."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
        """Parameters may be float32 where x is not."""
        x = x.contiguous(memory_format=torch.channels_last)
        cast = weight.detach().to(x.dtype).contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(x, cast)
        ctx.padding, ctx.dtypes = padding, (weight.dtype, None if bias is None else bias.dtype)
        bias = None if bias is None else bias.detach().to(x.dtype)
        return F.conv2d(x, cast, bias, padding=padding, groups=x.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, weight and bias."""
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        x, weight = ctx.saved_tensors
        x = x.contiguous(memory_format=torch.channels_last)
        need_x, need_weight, need_bias = ctx.needs_input_grad[:3]
        of_weight, of_bias = ctx.dtypes
        rows = grad.movedim(1, -1).flatten(0, 2)  # [F H' W', C]
        return (
            _grad_input(grad, x, weight, ctx.padding) if need_x else None,
            native.grad_weight(x, grad, weight.shape, ctx.padding).to(of_weight) if need_weight else None,
            channel_sums(rows, Layout(1, 0, len(rows), rows.shape[1], 1)).to(of_bias) if need_bias else None,
            None,
        )


def _grad_input(grad: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int]) -> Tensor:
    found: Tensor = torch.ops.aten.convolution_backward(
        grad, x, weight, None, (1, 1), padding, (1, 1), False, (0, 0), len(weight), (True, False, False)
    )[0]
    return found
