"""The face of the operation: decides whether the kernel is taken."""

from __future__ import annotations

import torch
from torch import Tensor

from spikeformers.ops.backend import choose, readable
from spikeformers.ops.depthwise.function import DepthwiseConvolution


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor | None:
    """Depthwise convolution with stride 1, equal to `torch.nn.functional.conv2d` with as many groups as channels.

    Under autocast it runs in bfloat16, and the gradients of float32 parameters are summed in float32.

    Args:
        x: maps [F, C, H, W], best with channels innermost.
        weight: [C, 1, h, w].
        bias: [C] or None.
        padding: of height and width.

    Returns:
        [F, C, H', W'], or None: the weight learns nothing, dtypes are mixed or others than float32 and bfloat16, or
        this process has no native core.
    """
    cast = torch.is_autocast_enabled("cpu") and x.dtype in (torch.float32, torch.bfloat16)
    dtype = torch.get_autocast_dtype("cpu") if cast else x.dtype
    parameters = [weight] if bias is None else [weight, bias]
    if not (
        readable(x, *parameters)
        and x.dim() == 4
        and x.shape[1] == len(weight)
        and dtype in (torch.float32, torch.bfloat16)
        and all(t.dtype in (torch.float32, dtype) if cast else t.dtype == dtype for t in parameters)
        and weight.requires_grad
        and torch.is_grad_enabled()
        and x.numel() > 0
        and choose("depthwise").backend == "native"
    ):
        return None
    out: Tensor = DepthwiseConvolution.apply(x.to(dtype), weight, bias, padding)  # type: ignore[no-untyped-call]
    return out
