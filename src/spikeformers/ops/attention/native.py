"""The attention kernels of the native library."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from spikeformers import native
from spikeformers.ops.lif.native import TYPES


class Rows(NamedTuple):
    """Queries, keys and values as the kernels read them: [T, B, N, C] of one dtype, channels innermost.

    Args:
        q, k, v: B samples of N tokens at T time steps.
        heads: how many.
        scale: constant on the product.
        keys_first: K^T V first, or else Q K^T.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    heads: int
    scale: float
    keys_first: bool


class _Attention(ctypes.Structure):
    _fields_ = [
        *((word, ctypes.c_int64) for word in (
            "steps", "samples", "tokens", "heads", "channels", "width",
            "q_step", "q_sample", "q_token", "k_step", "k_sample", "k_token", "v_step", "v_sample", "v_token",
        )),
        ("scale", ctypes.c_float),
        ("keys_first", ctypes.c_int32),
    ]  # fmt: skip


def forward(rows: Rows, out: Tensor) -> None:
    """Fill out, contiguous float32 [T, B, N, C'], with scale Q K^T V; all sums are in float32."""
    _library().sf_attention_forward(
        _described(rows), *_pointers(rows), TYPES[rows.q.dtype], out.data_ptr(), torch.get_num_threads()
    )


def backward(rows: Rows, grad: Tensor, grad_q: Tensor, grad_k: Tensor, grad_v: Tensor) -> None:
    """Fill the gradients of queries, keys and values, contiguous and of their dtype, rounded to it once.

    Args:
        grad: that of the product, contiguous float32 [T, B, N, C'].
    """
    _library().sf_attention_backward(
        _described(rows), *_pointers(rows), TYPES[rows.q.dtype], grad.data_ptr(),
        grad_q.data_ptr(), grad_k.data_ptr(), grad_v.data_ptr(), torch.get_num_threads(),
    )  # fmt: skip


def channels_innermost(rows: Tensor) -> Tensor:
    """The rows themselves, or a copy, as the kernels read them."""
    return rows if rows.stride(-1) == 1 else rows.contiguous()


def _pointers(rows: Rows) -> tuple[int, int, int]:
    return rows.q.data_ptr(), rows.k.data_ptr(), rows.v.data_ptr()


def _described(rows: Rows) -> _Attention:
    steps, samples, tokens, channels = rows.q.shape
    strides = (stride for each in rows[:3] for stride in each.stride()[:3])
    heads = rows.heads
    sizes = steps, samples, tokens, heads, channels // heads, rows.v.shape[-1] // heads
    return _Attention(*sizes, *strides, rows.scale, rows.keys_first)


@cache
def _library() -> ctypes.CDLL:
    library = native.library()
    assert library is not None
    sizes, p, i = ctypes.POINTER(_Attention), ctypes.c_void_p, ctypes.c_int32
    library.sf_attention_forward.argtypes = [sizes, p, p, p, i, p, i]
    library.sf_attention_backward.argtypes = [sizes, p, p, p, i, p, p, p, p, i]
    for name in ("sf_attention_forward", "sf_attention_backward"):
        getattr(library, name).restype = None
    return library
