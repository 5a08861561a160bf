"""`torch.ops.spikeformers.max_pool`: max-pooling 3 x 3 as an operator that saves its input and nothing else.

The backward pass looks again for the maximum of each window.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, library

from spikeformers.ops.pool import native


@library.custom_op("spikeformers::max_pool", mutates_args=())
def max_pool_operator(x: Tensor, stride: int) -> Tensor:
    """Maxima of [B, C, H, W], laid out as it."""
    out = _fake(x, stride)
    rows = torch.empty_like(out, memory_format=torch.channels_last)
    native.forward(_channels_innermost(x), stride, rows)
    return rows.contiguous(memory_format=_format(x))


@max_pool_operator.register_fake
def _fake(x: Tensor, stride: int) -> Tensor:
    images, channels, height, width = x.shape
    size = (images, channels, (height - 1) // stride + 1, (width - 1) // stride + 1)
    return torch.empty(size, dtype=x.dtype, device=x.device, memory_format=_format(x))


@library.custom_op("spikeformers::max_pool_backward", mutates_args=())
def max_pool_backward(x: Tensor, grad: Tensor, stride: int) -> Tensor:
    """Gradient of x, laid out as it."""
    rows = torch.empty_like(x, memory_format=torch.channels_last)
    native.backward(_channels_innermost(x), stride, _channels_innermost(grad.to(x.dtype)), rows)
    return rows.contiguous(memory_format=_format(x))


@max_pool_backward.register_fake
def _fake_backward(x: Tensor, grad: Tensor, stride: int) -> Tensor:
    return torch.empty_like(x, memory_format=_format(x))


def _format(x: Tensor) -> torch.memory_format:
    # Maps of one channel are both.
    rows = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if rows else torch.contiguous_format


def _channels_innermost(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _setup_context(ctx: Any, inputs: tuple[Tensor, int], output: Tensor) -> None:
    x, ctx.stride = inputs
    ctx.save_for_backward(x)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    (x,) = ctx.saved_tensors
    if not torch.is_grad_enabled():
        return max_pool_backward(x, grad, ctx.stride), None
    # With a graph of its own, which a gradient of the gradient goes through.
    out = F.max_pool2d(x, 3, ctx.stride, 1)
    return torch.autograd.grad(out, x, grad, create_graph=True)[0], None


max_pool_operator.register_autograd(_backward, setup_context=_setup_context)
