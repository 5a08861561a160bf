"""Packing in plain PyTorch. A value fits only if its bits come back: -0.0 is neither spike nor integer."""

from __future__ import annotations

import torch
from torch import Tensor

_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def pack_bits(x: Tensor) -> Tensor | None:
    """Elements [n] that are all +0 or 1 -> uint8 [ceil(n / 8)], element i in bit i % 8 of byte i / 8; else None."""
    if not _same(x, (x == 1).to(x.dtype)):
        return None
    ones = torch.nn.functional.pad(x == 1, (0, -len(x) % 8)).view(-1, 8)
    return (ones << torch.arange(8, device=x.device)).sum(1).to(torch.uint8)


def unpack_bits(bits: Tensor, count: int, dtype: torch.dtype) -> Tensor:
    """The first `count` bits of uint8 [ceil(count / 8)] as elements 0 and 1."""
    return (bits[:, None] >> torch.arange(8, device=bits.device) & 1).flatten()[:count].to(dtype)


def pack_bytes(x: Tensor) -> Tensor | None:
    """Elements [n] that are all integers from 0 to 255 -> uint8 [n]; else None."""
    packed = torch.where((x >= 0) & (x <= 255), x, 0).to(torch.uint8)
    return packed if _same(x, packed.to(x.dtype)) else None


def unpack_bytes(packed: Tensor, dtype: torch.dtype) -> Tensor:
    """Elements [n] of uint8 as floating point."""
    return packed.to(dtype)


def _same(x: Tensor, other: Tensor) -> bool:
    return torch.equal(*(t.view(_INTEGERS[x.element_size()]) for t in (x, other)))
