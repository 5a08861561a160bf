"""The packing kernels for GPUs, in Triton; functions are those of `ops.packing.reference`.

Whether everything fitted is asked of the GPU, which waits for it.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 4096


def pack_bits(x: Tensor) -> Tensor | None:
    """As the reference."""
    return _packed(x, -(-len(x) // 8), bits=True)


def pack_bytes(x: Tensor) -> Tensor | None:
    """As the reference."""
    return _packed(x, len(x), bits=False)


def unpack_bits(bits: Tensor, count: int, dtype: torch.dtype) -> Tensor:
    """As the reference."""
    return _unpacked(bits, count, dtype, bits=True)


def unpack_bytes(packed: Tensor, dtype: torch.dtype) -> Tensor:
    """As the reference."""
    return _unpacked(packed, len(packed), dtype, bits=False)


def _packed(x: Tensor, size: int, *, bits: bool) -> Tensor | None:
    programs = -(-len(x) // _BLOCK)
    packed = x.new_empty(size, dtype=torch.uint8)
    misfits = x.new_empty(programs, dtype=torch.int32)
    if programs:
        with torch.cuda.device_of(x):
            pack_kernel[(programs,)](x, packed, misfits, len(x), bits, _BLOCK, enable_fp_fusion=False)
    return None if misfits.any() else packed


def _unpacked(packed: Tensor, count: int, dtype: torch.dtype, *, bits: bool) -> Tensor:
    out = packed.new_empty(count, dtype=dtype)
    if count:
        with torch.cuda.device_of(packed):
            unpack_kernel[(-(-count // _BLOCK),)](packed, out, count, bits, _BLOCK, enable_fp_fusion=False)
    return out


@triton.jit
def pack_kernel(x, packed, misfits, count, BITS: tl.constexpr, BLOCK: tl.constexpr):
    """Each program packs BLOCK elements, and says how many of them do not fit."""
    first = tl.program_id(0).to(tl.int64) * BLOCK
    at = first + tl.arange(0, BLOCK)
    given = tl.load(x + at, mask=at < count, other=0.0)
    values = given.to(tl.float32)
    # Neither -0.0 nor a number too small for float arithmetic is this zero.
    zero = given.to(tl.int32 if given.dtype.primitive_bitwidth == 32 else tl.int16, bitcast=True) == 0
    if BITS:
        fits = zero | (values == 1.0)
        bit = tl.reshape((values == 1.0).to(tl.int32), (BLOCK // 8, 8)) << tl.arange(0, 8)[None, :]
        byte = first // 8 + tl.arange(0, BLOCK // 8)
        tl.store(packed + byte, tl.sum(bit, 1).to(tl.uint8), mask=byte * 8 < count)
    else:
        integers = tl.where((values > 0.0) & (values <= 255.0), values, 0.0).to(tl.int32)
        fits = zero | ((values > 0.0) & (integers.to(tl.float32) == values))
        tl.store(packed + at, integers.to(tl.uint8), mask=at < count)
    tl.store(misfits + tl.program_id(0), tl.sum((~fits).to(tl.int32), 0))


@triton.jit
def unpack_kernel(packed, out, count, BITS: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    if BITS:
        values = (tl.load(packed + at // 8, mask=at < count, other=0).to(tl.int32) >> (at % 8).to(tl.int32)) & 1
    else:
        values = tl.load(packed + at, mask=at < count, other=0).to(tl.int32)
    tl.store(out + at, values.to(tl.float32).to(out.dtype.element_ty), mask=at < count)
