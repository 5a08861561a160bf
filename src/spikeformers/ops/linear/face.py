"""The face of the operation: picks what runs it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spikeformers.ops.backend import choose, plain_wanted
from spikeformers.ops.linear import products
from spikeformers.ops.linear.operator import linear_operator


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The linear x W^T + b over the last axis, as `torch.nn.functional.linear`.

    Under autocast x and the weight are cast to its dtype; the bias is too, but its gradient is not: it is summed in
    float32.

    Args:
        x: [..., C] of any strides; rows with channels innermost are read without a copy.
        weight: [C', C].
        bias: [C'] or None.

    Returns:
        [..., C'].
    """
    if plain_wanted() or choose("linear", x.device.type).backend == "reference" or x.dim() < 2:
        return F.linear(x, weight, bias)
    cast = _autocast(x)
    if cast is not None and cast != torch.bfloat16:
        return F.linear(x, weight, bias)
    if cast is not None:
        x, weight = x.to(cast), weight.to(cast)
    if not products.serves(x, weight) or (bias is not None and bias.dtype not in (torch.float32, x.dtype)):
        return F.linear(x, weight, bias)
    out: Tensor = linear_operator(x, weight, bias)
    return out


def _autocast(x: Tensor) -> torch.dtype | None:
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) and x.dtype != torch.float64 else None
