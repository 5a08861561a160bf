"""Which implementation runs an operation, and why.

Without a wish each operation takes the fastest implementation it has for the device. `SPIKEFORMERS_BACKEND` is a wish:

    SPIKEFORMERS_BACKEND=reference               plain PyTorch, always there
    SPIKEFORMERS_BACKEND=native                  machine code for the CPU, wherever an operation has it
    SPIKEFORMERS_BACKEND=lif=reference           for one operation: a switch to turn off one that gives trouble
    SPIKEFORMERS_BACKEND=native,lif=reference    both

A wish for all leaves operations that lack it, and devices it does not run on, to the reference; a wish for what cannot
be had at all is an error.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor, nn

from spikeformers import native
from spikeformers.errors import ConfigError, suggest

VARIABLE = "SPIKEFORMERS_BACKEND"
BACKENDS = ("reference", "native", "triton")


class Operation(NamedTuple):
    """What there is to run an operation.

    Args:
        backends: fastest first.
        left: what the fast ones leave to the reference, in words; "" for nothing.
        in_core: whether the native one is in our C++ core, and not in a library that comes with PyTorch.
    """

    backends: tuple[str, ...]
    left: str = ""
    in_core: bool = True


_LIF_LEAVES = "float64, smooth surrogates and registered ones"

OPERATIONS: dict[str, Operation] = {
    "lif": Operation(("native", "triton", "reference"), _LIF_LEAVES),
    "norm_lif": Operation(("native", "triton", "reference"), _LIF_LEAVES),
    "linear": Operation(("native", "reference"), "all but float32 and bfloat16", in_core=False),
    "lookup": Operation(("native", "reference"), "all but spikes on AVX-512; in bfloat16 all but gradients of weights"),
    "depthwise": Operation(("native", "reference"), "all but float32 and bfloat16, of stride 1"),
    "attention": Operation(("native", "reference"), _LIF_LEAVES),
    "packing": Operation(("native", "triton", "reference"), "float64"),
    "pool": Operation(("native", "reference"), "float64"),
    # Its reference is autograd alone, which keeps everything as it is.
    "saving": Operation(("native", "reference")),
}


class Choice(NamedTuple):
    """What runs an operation."""

    operation: str
    backend: str
    reason: str


def plain_wanted() -> bool:
    """Whether only PyTorch's own operations will do.

    An exported program must run where this package is not installed, and who watches operations through a dispatch
    mode, as the proofs of `measure` do, knows PyTorch's. So do the transforms of `torch.func`, forward-mode gradients
    and `torch.jit.trace`.
    """
    if torch.compiler.is_exporting() or transformed():
        return True
    return not torch.compiler.is_compiling() and torch._C._len_torch_dispatch_stack() > 0


def transformed() -> bool:
    """Whether what runs is not computed but differentiated forward, mapped over an axis or traced."""
    return not torch.compiler.is_compiling() and (
        torch._C._functorch.peek_interpreter_stack() is not None
        or torch.autograd.forward_ad._current_level >= 0
        or torch._C._get_tracing_state() is not None
    )


def readable(*tensors: Tensor) -> bool:
    """Whether kernels outside of registered operators may read these on the CPU: not wrapped, traced or watched."""
    return (
        not (torch.compiler.is_compiling() or plain_wanted())
        # Fake and wrapped tensors have no memory to read.
        and all(t.device.type == "cpu" and type(t) in (Tensor, nn.Parameter) for t in tensors)
    )


# A compiled program keeps what was chosen while it was traced, and does not trace the choosing.
@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def choose(operation: str, device_type: str = "cpu") -> Choice:
    """The implementation in use for an operation on tensors of a device ("cpu", "cuda", ...).

    Raises:
        ConfigError: SPIKEFORMERS_BACKEND names no operation or backend, or one that cannot be had.
    """
    return _chosen(operation, device_type, os.environ.get(VARIABLE, ""))


def describe(device_type: str = "cpu") -> list[Choice]:
    """What runs each operation on a device.

    Raises:
        ConfigError: as `choose`.
    """
    return [choose(operation, device_type) for operation in OPERATIONS]


def in_words(device_type: str = "cpu") -> str:
    """What decides the last bits of results: each operation's implementation, and its instruction set."""
    instructions = native.status().instruction_set
    return ", ".join(
        f"{operation} {backend} {instructions}" if backend == "native" else f"{operation} {backend}"
        for operation, backend, _ in describe(device_type)
    )


# The variable is part of the key, so that a change of it is seen, and everything else is asked once.
@cache
def _chosen(operation: str, device_type: str, value: str) -> Choice:
    wishes = _wishes(value)
    backends = OPERATIONS[operation].backends
    if operation in wishes:
        backend = wishes[operation]
        if backend not in backends:
            raise ConfigError(
                f"{VARIABLE}={value}, but {operation} has no {backend} implementation (there is: "
                f"{', '.join(backends)}). Take {operation}={backend} out of {VARIABLE}."
            )
    elif "" in wishes:
        backend = wishes[""]
    else:
        return _fastest(operation, device_type)
    if trouble := _trouble(operation, backend):
        raise ConfigError(f"{VARIABLE}={value}, but {trouble}. Or unset {VARIABLE}: the reference runs everywhere.")
    if backend not in backends:
        return Choice(operation, "reference", f"{VARIABLE}={value}, but it has no {backend} implementation")
    if not _runs_on(backend, device_type):
        return Choice(operation, "reference", f"{VARIABLE}={value}, but {backend} does not run on {device_type}")
    return Choice(operation, backend, f"{VARIABLE} says so")


def _fastest(operation: str, device_type: str) -> Choice:
    able = [backend for backend in OPERATIONS[operation].backends if _runs_on(backend, device_type)]
    there = [backend for backend in able if not _trouble(operation, backend)]
    missing = able[: able.index(there[0])]
    why = "the only one there is" if there[0] == "reference" else "the fastest there is"
    return Choice(operation, there[0], f"{why} without {' and '.join(missing)}" if missing else why)


def _wishes(value: str) -> dict[str, str]:
    """Backends by operation; "" is the wish for all of them."""
    wishes = {}
    for word in filter(None, (part.strip() for part in value.split(","))):
        operation, _, backend = (part.strip() for part in word.rpartition("="))
        if backend not in BACKENDS:
            raise ConfigError(_unknown(value, backend, "backend", BACKENDS))
        if operation and operation not in OPERATIONS:
            raise ConfigError(_unknown(value, operation, "operation", tuple(OPERATIONS)))
        wishes[operation] = backend
    return wishes


def _unknown(value: str, word: str, kind: str, known: tuple[str, ...]) -> str:
    return f"{VARIABLE}={value}: {word!r} is no {kind}.{suggest(word, known)} Known: {', '.join(known)}."


def _runs_on(backend: str, device_type: str) -> bool:
    devices = {"native": ("cpu",), "triton": ("cuda", "cpu") if _interpreting() else ("cuda",)}
    return backend == "reference" or device_type in devices[backend]


def _trouble(operation: str, backend: str) -> str:
    """What keeps a backend from running on this machine at all, and what to do; "" where nothing does."""
    if backend == "native" and OPERATIONS[operation].in_core and native.library() is None:
        return native.status().reason
    if backend == "triton" and find_spec("triton") is None:
        return "Triton is not installed: `pip install triton`"
    if backend == "triton" and not (torch.cuda.is_available() or _interpreting()):
        return "Triton needs a GPU; TRITON_INTERPRET=1 runs its kernels on the CPU, slowly, to test them"
    return ""


def _interpreting() -> bool:
    return os.environ.get("TRITON_INTERPRET") == "1"
