"""The depthwise kernel of the native library."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from spikeformers import native
from spikeformers.ops.lif.native import TYPES


class _Depthwise(ctypes.Structure):
    _fields_ = [
        (word, ctypes.c_int64)
        for word in (
            "images", "height", "width", "channels", "kernel_height", "kernel_width", "pad_height", "pad_width",
        )
    ]  # fmt: skip


def grad_weight(x: Tensor, grad: Tensor, shape: torch.Size, padding: tuple[int, int]) -> Tensor:
    """Gradient of the weight, float32 of its shape [C, 1, h, w].

    Args:
        x: what was convolved [F, C, H, W].
        grad: that of the output, of the same dtype; both dense with channels innermost.
        shape: of the weight.
        padding: of height and width.
    """
    images, channels, height, width = x.shape
    out = torch.empty(shape)
    sizes = _Depthwise(images, height, width, channels, *shape[2:], *padding)
    _library().sf_depthwise_grad_weight(
        sizes, x.data_ptr(), grad.data_ptr(), TYPES[x.dtype], out.data_ptr(), torch.get_num_threads()
    )
    return out


@cache
def _library() -> ctypes.CDLL:
    library = native.library()
    assert library is not None
    p, i = ctypes.c_void_p, ctypes.c_int32
    library.sf_depthwise_grad_weight.argtypes = [ctypes.POINTER(_Depthwise), p, p, i, p, i]
    library.sf_depthwise_grad_weight.restype = None
    return library
