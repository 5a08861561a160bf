"""The native core: kernels in C++ behind a plain C interface, loaded with ctypes. No torch.

`sets.py` names the instruction sets, `build.py` compiles `src/` once for each of them, and `library` below loads the
best one that was built and that this processor runs. Who calls a kernel declares its argument types: ops/*/native.py.

SPIKEFORMERS_NATIVE_ISA=portable|avx2|avx512 forces one.
"""

from __future__ import annotations

import ctypes
import json
import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from spikeformers.errors import ConfigError, suggest
from spikeformers.native.sets import INSTRUCTION_SETS, LIBRARIES, interface_digest, library_name, sources_digest

VARIABLE = "SPIKEFORMERS_NATIVE_ISA"
HOW_TO_BUILD = "`python -m spikeformers.native.build` builds it where there is a C++ compiler"


@dataclass(frozen=True)
class Status:
    """What was loaded.

    Args:
        instruction_set: of the library; None where none could be loaded.
        reason: why this one, or why none and what to do.
        compiler: what compiled it.
        openmp: whether it runs on several threads.
    """

    instruction_set: str | None
    reason: str
    compiler: str = ""
    openmp: bool = False


def library() -> ctypes.CDLL | None:
    """The native library, or None where there is none to load; `status` says why.

    Threads come from the OpenMP runtime that is already loaded: import torch first where torch is used.

    Raises:
        ConfigError: SPIKEFORMERS_NATIVE_ISA names no instruction set, or one that cannot be had.
    """
    return _load()[0]


def status() -> Status:
    """What `library` loaded, and why.

    Raises:
        ConfigError: as `library`.
    """
    return _load()[1]


@cache
def _load() -> tuple[ctypes.CDLL | None, Status]:
    portable, trouble = _open("portable")
    if portable is None:
        return _nothing(trouble)
    portable.sf_best_instruction_set.restype = ctypes.c_char_p
    sets = list(INSTRUCTION_SETS)
    runs = sets[sets.index(portable.sf_best_instruction_set().decode()) :]
    wish = os.environ.get(VARIABLE, "")
    if wish and wish not in runs:
        raise ConfigError(_refusal(wish, runs))
    why = f"{VARIABLE} says so" if wish else "the best this processor runs"
    for name in [wish] if wish else runs:
        loaded, trouble = _open(name)
        if loaded is not None:
            about = _about(loaded)
            stale = about["sources"] != sources_digest()
            reason = f"{why}; older than its sources: {HOW_TO_BUILD}" if stale else why
            return loaded, Status(name, reason, about["compiler"], about["openmp"])
        why = f"the best this processor runs but for {name}: {trouble}"
    return _nothing(trouble)


def _nothing(trouble: str) -> tuple[None, Status]:
    if wish := os.environ.get(VARIABLE):
        raise ConfigError(f"{VARIABLE}={wish}, but {trouble}: {HOW_TO_BUILD}.")
    return None, Status(None, f"{trouble}: {HOW_TO_BUILD}")


def _refusal(wish: str, runs: list[str]) -> str:
    if wish in INSTRUCTION_SETS:
        return f"{VARIABLE}={wish}, but this processor does not run it, only {', '.join(runs)}. Unset {VARIABLE}."
    known = ", ".join(INSTRUCTION_SETS)
    return f"{VARIABLE}={wish!r} is no instruction set.{suggest(wish, INSTRUCTION_SETS)} Known: {known}."


def _open(name: str) -> tuple[ctypes.CDLL | None, str]:
    """The library for an instruction set, or None and what is wrong."""
    path = LIBRARIES / library_name(name)
    if not path.exists():
        return None, f"{path.name} is not built"
    try:
        loaded = ctypes.CDLL(str(path))
        same = _about(loaded)["interface"] == interface_digest()
    except (OSError, AttributeError, ValueError) as error:
        return None, f"{path.name} cannot be loaded ({error})"
    return (loaded, "") if same else (None, f"{path.name} was built from other sources")


def _about(loaded: ctypes.CDLL) -> dict[str, Any]:
    loaded.sf_version.restype = ctypes.c_char_p
    about: dict[str, Any] = json.loads(loaded.sf_version())
    return about
