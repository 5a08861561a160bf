"""The face of the operation: finds the shortest form that loses nothing, and picks what packs."""

from __future__ import annotations

from types import ModuleType
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from spikeformers.ops.backend import choose
from spikeformers.ops.packing import native, reference

_SAMPLE = 64


class Packed(NamedTuple):
    """Elements in fewer bytes.

    Args:
        data: uint8.
        form: "bits", one for each element, or "bytes".
        size: number of elements.
        dtype: of the elements.
    """

    data: Tensor
    form: Literal["bits", "bytes"]
    size: int
    dtype: torch.dtype


def pack(x: Tensor) -> Packed | None:
    """Bits where all elements are 0 or 1, bytes where all are integers from 0 to 255, None otherwise.

    -0.0 is none of them: what is packed comes back bit by bit.

    Args:
        x: [n], contiguous, floating point.
    """
    twin = _twin(x.dtype, x.device)
    # The kernels stop at the first chunk that does not fit; the reference, or a GPU, would walk through all of it.
    sample = x[:: max(1, len(x) // _SAMPLE)] if twin is reference else None
    if sample is not None and reference.pack_bytes(sample) is None:
        return None
    if (sample is None or reference.pack_bits(sample) is not None) and (data := twin.pack_bits(x)) is not None:
        return Packed(data, "bits", len(x), x.dtype)
    data = twin.pack_bytes(x)
    return None if data is None else Packed(data, "bytes", len(x), x.dtype)


def unpack(packed: Packed) -> Tensor:
    """The elements [n]."""
    twin = _twin(packed.dtype, packed.data.device)
    out: Tensor
    if packed.form == "bits":
        out = twin.unpack_bits(packed.data, packed.size, packed.dtype)
    else:
        out = twin.unpack_bytes(packed.data, packed.dtype)
    return out


def _twin(dtype: torch.dtype, device: torch.device) -> ModuleType:
    backend = choose("packing", device.type).backend
    if backend == "reference" or not native.serves(dtype):
        return reference
    if backend == "native":
        return native
    # Triton is not there everywhere, and takes its time.
    from spikeformers.ops.packing import triton

    return triton
