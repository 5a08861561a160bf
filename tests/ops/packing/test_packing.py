"""What is packed comes back bit by bit, and what would not is left alone, by the kernels as by the reference."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spikeformers import native as core
from spikeformers.ops.backend import VARIABLE
from spikeformers.ops.packing import native, pack, reference, unpack
from tests.ops.poisoned import poisoned, threads

FLOATS = [torch.float32, torch.bfloat16, torch.float16]
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
# Around vectors, words of 64 and chunks of 4096; the last is shared out among threads.
SIZES = [0, 1, 7, 8, 9, 63, 64, 65, 127, 4095, 4096, 4097, 70001, 300_000]

needs_core = pytest.mark.skipif(core.library() is None, reason="there is no native core")


@pytest.fixture(params=["native", "reference"])
def twin(request: pytest.FixtureRequest) -> ModuleType:
    if request.param == "native" and core.library() is None:
        pytest.skip("there is no native core")
    return {"native": native, "reference": reference}[request.param]


def bits_of(x: Tensor) -> Tensor:
    return x.view(INTEGERS[x.element_size()])


def spikes(size: int, dtype: torch.dtype, rate: float = 0.3) -> Tensor:
    return (torch.rand(size) < rate).to(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2])
def test_spikes_are_the_bits_numpy_packs(twin: ModuleType, dtype: torch.dtype, size: int, count: int) -> None:
    torch.manual_seed(size)
    x = spikes(size, dtype)
    with poisoned(), threads(count):
        packed = twin.pack_bits(x)
        expected = np.packbits(x.to(torch.uint8).numpy(), bitorder="little")
        assert np.array_equal(packed.numpy(), expected)
        assert torch.equal(bits_of(twin.unpack_bits(packed, size, dtype)), bits_of(x))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2])
def test_integers_are_bytes(twin: ModuleType, dtype: torch.dtype, size: int, count: int) -> None:
    torch.manual_seed(size)
    integers = torch.randint(0, 256, (size,), dtype=torch.uint8)
    x = integers.to(dtype)
    with poisoned(), threads(count):
        packed = twin.pack_bytes(x)
        assert torch.equal(packed, integers)
        assert torch.equal(bits_of(twin.unpack_bytes(packed, dtype)), bits_of(x))


NEITHER = [-0.0, 0.5, -1.0, 256.0, 1e-30, -1e-30, float("nan"), float("inf"), -float("inf"), 3e9, -3e9]


@settings(max_examples=150, deadline=None)
@given(
    value=st.sampled_from([*NEITHER, 2.0, 255.0, 1.0000001]),
    size=st.sampled_from(SIZES[1:]),
    place=st.floats(0, 1, exclude_max=True),
    dtype=st.sampled_from(FLOATS),
    count=st.integers(1, 2),
)
@pytest.mark.parametrize("name", [pytest.param("native", marks=needs_core), "reference"])
def test_one_value_that_does_not_fit_is_found_wherever_it_is(
    name: str, value: float, size: int, place: float, dtype: torch.dtype, count: int
) -> None:
    twin: ModuleType = {"native": native, "reference": reference}[name]
    x = spikes(size, dtype)
    x[int(place * size)] = value
    stored = float(x[int(place * size)])  # 1.0000001 is 1 in sixteen bits, 1e-30 is 0 in float16
    positive = not np.signbit(stored)
    with threads(count):
        assert (twin.pack_bits(x) is not None) == (stored in (0.0, 1.0) and positive)
        assert (twin.pack_bytes(x) is not None) == (stored in range(256) and positive)


@pytest.mark.parametrize("dtype", [*FLOATS, torch.float64])
@pytest.mark.parametrize("values", [(0.0, 1.0), (0.0, 1.0, 2.0, 255.0), (0.0, 1.0, 0.5), (0.0, -0.0)])
def test_the_face_takes_the_shortest_form(dtype: torch.dtype, values: tuple[float, ...]) -> None:
    x = torch.tensor(values, dtype=dtype)[torch.randint(0, len(values), (5000,))]
    packed = pack(x)
    forms = {2: "bits", 4: "bytes"} if -0.0 not in values[2:] else {}
    if len(values) == 3 or np.signbit(values[-1]):
        assert packed is None
        return
    assert packed is not None
    assert packed.form == forms[len(values)]
    assert packed.data.numel() == {"bits": 625, "bytes": 5000}[packed.form]
    assert torch.equal(bits_of(unpack(packed)), bits_of(x))


def test_the_switch_turns_the_kernels_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pack_bits", "pack_bytes"):
        monkeypatch.setattr(native, name, lambda x: pytest.fail("a kernel ran"))
    monkeypatch.setenv(VARIABLE, "packing=reference")
    packed = pack(spikes(1000, torch.float32))
    assert packed is not None
    assert packed.form == "bits"
