"""The packing kernels against the reference, bit by bit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeformers.ops.packing import reference
from tests.ops.poisoned import poisoned
from tests.ops.triton.running import DEVICE, require_triton

require_triton()
from spikeformers.ops.packing import triton as kernels  # noqa: E402

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
MISFITS = [-0.0, -1.0, 0.5, 256.0, 1e9, 1e-40, float("nan"), float("inf"), -float("inf")]


@settings(max_examples=40)
@given(
    size=st.sampled_from([0, 1, 7, 8, 9, 100, 4096, 4097, 9001]),
    dtype=st.sampled_from(DTYPES),
    most=st.sampled_from([1, 2, 255]),
    seed=st.integers(0, 2**31),
)
def test_there_and_back(size: int, dtype: torch.dtype, most: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, most + 1, (size,), generator=generator).to(dtype)
    there = x.to(DEVICE)
    with poisoned():
        bits, integers = kernels.pack_bits(there), kernels.pack_bytes(there)
    expected = reference.pack_bits(x)
    assert (bits is None) == (expected is None)
    if bits is not None and expected is not None:
        assert torch.equal(bits.cpu(), expected)
        with poisoned():
            assert torch.equal(kernels.unpack_bits(bits, size, dtype).cpu(), x)
    assert integers is not None
    assert torch.equal(integers.cpu(), x.to(torch.uint8))
    with poisoned():
        assert torch.equal(kernels.unpack_bytes(integers, dtype).cpu(), x)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("misfit", MISFITS, ids=str)
@pytest.mark.parametrize("place", [0, 4095, 4999])
def test_one_that_does_not_fit(dtype: torch.dtype, misfit: float, place: int) -> None:
    x = torch.ones(5000).to(dtype)
    x[place] = misfit
    for pack in ("pack_bits", "pack_bytes"):
        fits = getattr(reference, pack)(x) is not None
        assert (getattr(kernels, pack)(x.to(DEVICE)) is not None) == fits
