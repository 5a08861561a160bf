"""The face of the operation: picks what runs it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from spikeformers.ops.backend import choose, plain_wanted
from spikeformers.ops.pool import native
from spikeformers.ops.pool.operator import max_pool_operator

# Of fewer channels than a vector holds, PyTorch's own pool is the faster one.
LEAST_CHANNELS = 16


def max_pool(x: Tensor, stride: int) -> Tensor:
    """Max-pooling of maps [B, C, H, W]: kernel 3, padding 1 (of -inf), as `torch.nn.functional.max_pool2d`.

    Of equals in a window the first gets the gradient, of NaNs the last. In bfloat16 and float16 the gradient of an
    element is summed in float32 and rounded once.

    Args:
        x: maps; channels innermost in memory are read without a copy.
        stride: 1 or 2.

    Returns:
        [B, C, ceil(H / stride), ceil(W / stride)], laid out as x.
    """
    if (
        plain_wanted()
        or choose("pool", x.device.type).backend == "reference"
        or not native.serves(x)
        or x.shape[1] < LEAST_CHANNELS
    ):
        return F.max_pool2d(x, 3, stride, 1)
    out: Tensor = max_pool_operator(x, stride)
    return out
