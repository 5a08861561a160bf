"""`torch.ops.spikeformers.linear`: a linear as one registered operator, with fake and autograd rules.

It saves the input and the weight and nothing else.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, library

from spikeformers.ops.linear import products


@library.custom_op("spikeformers::linear", mutates_args=())
def linear_operator(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The linear of x [..., N, C] by a weight [C', C] of the same dtype and a bias [C'] of any: [..., N, C']."""
    return products.output(x, weight, None if bias is None else bias.to(x.dtype))


@linear_operator.register_fake
def _fake(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0])


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, bias = inputs
    ctx.save_for_backward(x, weight)
    ctx.bias_dtype = None if bias is None else bias.dtype


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    x, weight = ctx.saved_tensors
    need_x, need_weight, need_bias = ctx.needs_input_grad
    if torch.is_grad_enabled():
        # With a graph of its own, which a gradient of the gradient goes through.
        rows, grad_rows = x.flatten(0, -2), grad.flatten(0, -2)
        return (
            grad @ weight if need_x else None,
            grad_rows.t() @ rows if need_weight else None,
            grad_rows.sum(0, dtype=torch.float32).to(ctx.bias_dtype) if need_bias else None,
        )
    grad_x = products.grad_input(grad, weight) if need_x else None
    grad_weight = products.grad_weight(grad, x, weight) if need_weight else None
    # A bias keeps its own dtype, so that its gradient is not rounded to bfloat16 on the way to a float32 parameter.
    grad_bias = products.grad_bias(grad).to(ctx.bias_dtype) if need_bias else None
    return grad_x, grad_weight, grad_bias


linear_operator.register_autograd(_backward, setup_context=_setup_context)
