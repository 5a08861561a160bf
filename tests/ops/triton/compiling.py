"""Compilation for GPUs that are not there: a driver that names one, and launches that end before they would start."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas
from triton.runtime import driver
from triton.runtime.jit import JITFunction


class _Driver:
    """Of a GPU of one architecture, such as 90 for sm_90."""

    def __init__(self, architecture: int) -> None:
        self._architecture = architecture

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self._architecture, 32)

    def get_current_device(self) -> int:
        return 1000 + self._architecture  # no device's number: kernels are kept by it

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cpu")


@contextmanager
def compiling_for(architecture: int, cache: Path) -> Iterator[list[Any]]:
    """While entered, launching a kernel compiles it for the architecture and adds it to the list."""
    compiled: list[Any] = []
    run: Callable[..., Any] = JITFunction.run

    def compile_only(self: Any, *args: Any, warmup: bool, **options: Any) -> None:
        compiled.append(run(self, *args, warmup=True, **options))

    patches = (
        mock.patch.object(JITFunction, "run", compile_only),
        mock.patch.object(driver, "_active", _Driver(architecture)),
    )
    with patches[0], patches[1], knobs.cache.scope():
        knobs.cache.dir = str(cache)
        yield compiled


def spilled_bytes(kernel: Any, folder: Path) -> int:
    """What does not fit into registers, by the assembler's own account."""
    source = folder / "kernel.ptx"
    source.write_text(kernel.asm["ptx"])
    architecture = re.search(r"\.target (sm_(\d+)\w*)", kernel.asm["ptx"])
    assert architecture is not None
    assembler = get_ptxas(int(architecture[2])).path
    said = subprocess.run(
        [assembler, "-v", "-arch", architecture[1], str(source), "-o", str(folder / "kernel.cubin")],
        check=True, capture_output=True, text=True,
    ).stderr  # fmt: skip
    return sum(map(int, re.findall(r"(\d+) bytes spill (?:stores|loads)", said)))
