"""The three matrix products of a linear, by oneDNN.

PyTorch hands float32 products to MKL, which reaches half of oneDNN's speed on CPUs of AMD (docs/performance.md), and a
bfloat16 product with a bias to a slower kernel than one without. Which library runs follows from the build of PyTorch
and the dtype alone, never from a measurement: the same recipe must give the same bits twice.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers import native
from spikeformers.ops.backend import readable
from spikeformers.ops.layout import Layout
from spikeformers.ops.lif.native import channel_sums
from spikeformers.ops.lookup import weight_gradient

_DTYPES = (torch.float32, torch.bfloat16)


def serves(x: Tensor, weight: Tensor) -> bool:
    """Whether these products run for this input and weight."""
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype
        and x.dtype in _DTYPES
        and x.numel() > 0
        and _has_one_dnn(x.dtype)
    )


# A compiled program keeps what this said while it was traced: dynamo cannot trace these questions.
@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _has_one_dnn(dtype: torch.dtype) -> bool:
    return (
        bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
        and bool(torch.backends.mkldnn.enabled)
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and (dtype == torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))
    )


def output(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Rows x [..., C] W^T + b -> [..., C']."""
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return out


def grad_input(grad: Tensor, weight: Tensor) -> Tensor:
    """Rows grad [..., C'] W -> [..., C]; the strides of the transposed weight go to oneDNN, without a copy."""
    return output(grad, weight.t(), None)


def grad_weight(grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """The product grad^T x, summed over all rows [..., N] -> [C', C]; of the weight only the shape counts."""
    rows, grad_rows = x.reshape(-1, *x.shape[-2:]), grad.reshape(-1, *grad.shape[-2:])  # [R, N, C], [R, N, C']
    if x.dtype == torch.bfloat16:
        looked_up = weight_gradient(rows.flatten(0, 1), grad_rows.flatten(0, 1))
        if looked_up is not None:
            return looked_up.to(weight.dtype)
    if x.dtype == torch.bfloat16 or len(rows) == 1:
        # In bfloat16 PyTorch takes oneDNN by itself; a batch of one image it would not give to oneDNN below.
        return grad_rows.flatten(0, 1).t() @ rows.flatten(0, 1)
    # As a 1x1 convolution of maps [R, C, N, 1] it is a fifth faster than as a product of two transposed matrices.
    maps, grad_maps = (t.transpose(1, 2).unsqueeze(-1) for t in (rows, grad_rows))
    result: Tensor = torch.ops.aten.convolution_backward(
        grad_maps, maps, weight[:, :, None, None], None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False]
    )[1]
    return result.view(weight.shape)


def grad_bias(grad: Tensor) -> Tensor:
    """Sum of grad [..., C'] over its rows: [C'], not rounded to bfloat16."""
    rows = grad.flatten(0, -2)
    if readable(rows) and native.library() is not None:
        return channel_sums(rows.contiguous(), Layout(1, 0, len(rows), rows.shape[1], 1))
    return rows.sum(0, dtype=torch.float32)
