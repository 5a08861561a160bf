"""The pooling kernels of the native library."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from spikeformers import native
from spikeformers.ops.lif.native import TYPES


class _Pool(ctypes.Structure):
    _fields_ = [
        (word, ctypes.c_int64)
        for word in ("images", "height", "width", "channels", "stride", "out_height", "out_width")
    ]


def serves(x: Tensor) -> bool:
    """Whether the kernels run on these maps."""
    floating = x.dtype in (torch.float32, torch.bfloat16, torch.float16)
    return floating and x.device.type == "cpu" and x.dim() == 4 and x.numel() > 0


def forward(x: Tensor, stride: int, out: Tensor) -> None:
    """Fill out with the maxima; both [B, C, H, W] with channels innermost."""
    _library().sf_max_pool_forward(
        _described(x, stride, out), x.data_ptr(), TYPES[x.dtype], out.data_ptr(), torch.get_num_threads()
    )


def backward(x: Tensor, stride: int, grad: Tensor, grad_x: Tensor) -> None:
    """Fill grad_x; all of one dtype and with channels innermost."""
    _library().sf_max_pool_backward(
        _described(x, stride, grad), x.data_ptr(), TYPES[x.dtype], grad.data_ptr(), grad_x.data_ptr(),
        torch.get_num_threads(),
    )  # fmt: skip


def _described(x: Tensor, stride: int, out: Tensor) -> _Pool:
    images, channels, height, width = x.shape
    return _Pool(images, height, width, channels, stride, *out.shape[2:])


@cache
def _library() -> ctypes.CDLL:
    library = native.library()
    assert library is not None
    pool, p, i = ctypes.POINTER(_Pool), ctypes.c_void_p, ctypes.c_int32
    library.sf_max_pool_forward.argtypes = [pool, p, i, p, i]
    library.sf_max_pool_backward.argtypes = [pool, p, i, p, p, i]
    for name in ("sf_max_pool_forward", "sf_max_pool_backward"):
        getattr(library, name).restype = None
    return library
