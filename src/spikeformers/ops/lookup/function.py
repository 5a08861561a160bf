"""The look-up convolution under autograd: what it saves is the spikes as bits, and the weight."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from spikeformers.ops.layout import Layout
from spikeformers.ops.lif.native import channel_sums
from spikeformers.ops.lookup import native
from spikeformers.ops.lookup.native import Window


class LookupConvolution(torch.autograd.Function):
    """Convolution of maps [F, C, H, W] of packed spikes by a weight [O, C, h, w]: [F, O, H', W'], channels innermost.

    Not a registered operator: what it saves depends on the values of x, which a compiled program does not know.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, halves: Tensor, window: Window) -> Tensor:
        """Output [F, H', W', O] in the dtype of x, whose values are those of halves."""
        cast = weight.detach().to(x.dtype)
        ctx.save_for_backward(halves, cast)
        ctx.window, ctx.shape, ctx.dtypes = window, x.shape, (weight.dtype, None if bias is None else bias.dtype)
        bias = None if bias is None else bias.detach().to(x.dtype)
        if x.dtype != torch.float32:
            x, cast = (t.contiguous(memory_format=torch.channels_last) for t in (x, cast))
            return F.conv2d(x, cast, bias, window.strides, window.pads).movedim(1, -1).contiguous()
        terms = cast.permute(2, 3, 1, 0)  # [h, w, C, O]
        terms = F.pad(terms, (0, 0, 0, window.padded_channels - window.channels)).flatten(0, 2).contiguous()
        return native.product(halves, window, terms, None if bias is None else bias.contiguous())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, weight and bias."""
        grad = grads[0].contiguous().movedim(-1, 1)
        halves, weight = ctx.saved_tensors
        need_x, need_weight, need_bias = ctx.needs_input_grad[:3]
        of_weight, of_bias = ctx.dtypes
        rows = grad.movedim(1, -1).flatten(0, 2)  # [F H' W', O]
        return (
            _grad_input(grad, weight, ctx.shape, ctx.window) if need_x else None,
            _grad_weight(rows, halves, weight.shape, ctx.window).to(of_weight) if need_weight else None,
            channel_sums(rows, Layout(1, 0, len(rows), rows.shape[1], 1)).to(of_bias) if need_bias else None,
            None,
            None,
        )


def _grad_weight(rows: Tensor, halves: Tensor, shape: torch.Size, window: Window) -> Tensor:
    found = native.grad_weight(halves, window, rows).view(len(rows[0]), window.taps, -1)[..., : window.channels]
    return found.movedim(-1, 1).reshape(shape)


def _grad_input(grad: Tensor, weight: Tensor, shape: torch.Size, window: Window) -> Tensor:
    # Of the input only the shape counts.
    like = torch.empty(shape, dtype=grad.dtype, memory_format=torch.channels_last)
    weight = weight.contiguous(memory_format=torch.channels_last)
    found: Tensor = torch.ops.aten.convolution_backward(
        grad, like, weight, None, window.strides, window.pads, (1, 1), False, (0, 0), 1, (True, False, False)
    )[0]
    return found
