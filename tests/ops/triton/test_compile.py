"""Every Triton kernel becomes machine code for sm_80 and sm_90, as it is launched, on a machine that has neither."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.ops import Dynamics, Surrogate
from spikeformers.ops.layout import Layout, by_channel, flat
from tests.ops.drawing import laid_out

if find_spec("triton") is None:
    pytest.skip("Triton is not installed", allow_module_level=True)
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("TRITON_INTERPRET=1: kernels are interpreted in this process", allow_module_level=True)
from spikeformers.ops.lif import triton as kernels
from spikeformers.ops.packing import triton as packing
from tests.ops.triton.compiling import compiling_for, spilled_bytes

ARCHITECTURES = [80, 90]
NEURONS = {
    "default": Dynamics(),
    "soft": Dynamics(v_reset=None, tau=3.0, detach_reset=False, surrogate=Surrogate("atan")),
    "ternary": Dynamics(fire="ternary", v_reset=0.1, decay_input=False, detach_reset=False),
    "integer": Dynamics(fire="integer", v_reset=None, output="normalised"),
    "membrane": Dynamics(tau=float("inf"), output="membrane", surrogate=Surrogate("triangle"), detach_membrane=True),
}


def both_passes(x: Tensor, dynamics: Dynamics, **given: Any) -> None:
    layout = by_channel(x) if "gain" in given else flat(x)
    sums = torch.empty(2, layout.channels, dtype=torch.float64) if "gain" in given else None
    out, step = torch.empty_like(x), torch.empty_like(x[0])
    bits = torch.empty(len(x), x[0].numel() // 8, dtype=torch.uint8)
    kernels.forward(x, layout, dynamics, **given, v=step, last=step, out=out, bits=bits)
    kernels.backward(
        x, layout, dynamics, **given, v=step, grad_out=out, grad_last=step, grad_x=out, grad_v=step, sums=sums
    )  # fmt: skip


def affine(channels: int) -> dict[str, Tensor]:
    return {name: torch.ones(channels) for name in ("gain", "mean", "shift")}


def compiled(run: Callable[[], object], architecture: int, folder: Path) -> list[Any]:
    with compiling_for(architecture, folder / "cache") as kernels_made:
        run()
    for kernel in kernels_made:
        assert len(kernel.asm["cubin"]) > 1000
        assert f".target sm_{architecture}" in kernel.asm["ptx"]
        # With two operations rounded once, or small numbers cut to 0, potentials would be others than the reference's.
        assert not re.search(r"\bfma\.|\.ftz", kernel.asm["ptx"])
        assert spilled_bytes(kernel, folder) == 0
    return kernels_made


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("neuron", NEURONS)
def test_neurons(neuron: str, architecture: int, tmp_path: Path) -> None:
    x = torch.empty(4, 2, 16, 64, dtype=torch.bfloat16)
    assert len(compiled(lambda: both_passes(x, NEURONS[neuron]), architecture, tmp_path)) == 2


@pytest.mark.parametrize("steps", [1, 10, 16, 17, 32])
def test_numbers_of_steps(steps: int, tmp_path: Path) -> None:
    x, k = torch.empty(steps, 2, 16, 64), torch.tensor(0.5)
    compiled(lambda: both_passes(x, Dynamics(), inverse_tau=k, **affine(16)), 90, tmp_path)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_behind_a_norm(dtype: torch.dtype, layout: str, architecture: int, tmp_path: Path) -> None:
    x = laid_out(torch.empty(4, 2, 48, 16, 16, dtype=dtype), layout)

    def run() -> None:
        both_passes(x, Dynamics(), **affine(48))
        kernels.channel_moments(x, by_channel(x))
        kernels.norm_backward(x, x, by_channel(x), torch.ones(48), torch.ones(3, 48), x)

    found = compiled(run, architecture, tmp_path)
    assert len(found) == 5
    for kernel in found:
        # Sixteen bytes at once, wherever there is an activation to read or to write.
        if kernel.name != "together_kernel":
            assert re.search(r"ld\.global\S*\.v4\.b32", kernel.asm["ptx"]), kernel.name
        if kernel.name in ("forward_kernel", "backward_kernel", "norm_backward_kernel"):
            assert re.search(r"st\.global\S*\.v4\.b32", kernel.asm["ptx"]), kernel.name


def test_rows_of_maps_of_14_pixels_are_read_four_at_once(tmp_path: Path) -> None:
    x = torch.empty(4, 2, 16, 14, 14, dtype=torch.bfloat16)
    run = lambda: kernels.forward(x, by_channel(x), Dynamics(), **affine(16), out=torch.empty_like(x))  # noqa: E731
    (forward,) = compiled(run, 90, tmp_path)
    assert re.search(r"ld\.global\S*\.v2\.b32", forward.asm["ptx"])


def test_more_than_32_bits_of_elements(tmp_path: Path) -> None:
    x, layout = torch.empty(8), Layout(steps=4, step_stride=2**31, outer=2**28, channels=8, inner=1)
    (forward,) = compiled(lambda: kernels.forward(x, layout, Dynamics(), **affine(8), out=x), 90, tmp_path)
    assert "xi64" in forward.asm["ttgir"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_packing(dtype: torch.dtype, architecture: int, tmp_path: Path) -> None:
    def run() -> None:
        for pack in (packing.pack_bits, packing.pack_bytes):
            pack(torch.ones(5000, dtype=dtype))
        packing.unpack_bits(torch.ones(625, dtype=torch.uint8), 5000, dtype)
        packing.unpack_bytes(torch.ones(5000, dtype=torch.uint8), dtype)

    assert len(compiled(run, architecture, tmp_path)) == 4
