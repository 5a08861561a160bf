"""The packing kernels of the native library."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from spikeformers import native
from spikeformers.ops.lif.native import TYPES


def serves(x: torch.dtype) -> bool:
    """Whether the kernels know this type of floating point."""
    return x in (torch.float32, torch.bfloat16, torch.float16)


def pack_bits(x: Tensor) -> Tensor | None:
    """As the reference."""
    return _packed(_library().sf_pack_bits, x, -(-len(x) // 8))


def pack_bytes(x: Tensor) -> Tensor | None:
    """As the reference."""
    return _packed(_library().sf_pack_bytes, x, len(x))


def unpack_bits(bits: Tensor, count: int, dtype: torch.dtype) -> Tensor:
    """As the reference."""
    return _unpacked(_library().sf_unpack_bits, bits, count, dtype)


def unpack_bytes(packed: Tensor, dtype: torch.dtype) -> Tensor:
    """As the reference."""
    return _unpacked(_library().sf_unpack_bytes, packed, len(packed), dtype)


def _packed(kernel: ctypes._NamedFuncPointer, x: Tensor, size: int) -> Tensor | None:
    packed = torch.empty(size, dtype=torch.uint8)
    fits = kernel(x.data_ptr(), TYPES[x.dtype], len(x), packed.data_ptr(), torch.get_num_threads())
    return packed if fits else None


def _unpacked(kernel: ctypes._NamedFuncPointer, packed: Tensor, count: int, dtype: torch.dtype) -> Tensor:
    out = torch.empty(count, dtype=dtype)
    kernel(packed.data_ptr(), count, out.data_ptr(), TYPES[dtype], torch.get_num_threads())
    return out


@cache
def _library() -> ctypes.CDLL:
    library = native.library()
    assert library is not None
    p, i, n = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    for name in ("sf_pack_bits", "sf_pack_bytes"):
        getattr(library, name).argtypes = [p, i, n, p, i]
        getattr(library, name).restype = i
    for name in ("sf_unpack_bits", "sf_unpack_bytes"):
        getattr(library, name).argtypes = [p, n, p, i, i]
        getattr(library, name).restype = None
    return library
