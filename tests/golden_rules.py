"""The rules behind the golden files: how weights and inputs are filled, and what is compared how closely.

The figures were measured on the papers' published code; nothing but these rules is needed to compare with them.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def golden_names(*prefixes: str) -> list[str]:
    return sorted(path.stem for path in GOLDEN.glob("*.json") if path.stem.startswith(prefixes))


def uniform(name: str, salt: str, count: int) -> np.ndarray:
    """The integers u_j, 0..65535, of a tensor name and salt."""
    key = f"{name}#{salt}" if salt else name
    j = np.arange(count, dtype=np.uint64)
    mixed = (j * np.uint64(2654435761) + np.uint64(zlib.crc32(key.encode()))) % np.uint64(2**32)
    return (mixed >> np.uint64(16)).astype(np.int64)


def _fill(kind: str, shape: list[int], u: np.ndarray, salt: str) -> np.ndarray:
    if kind == "weight":
        return (u % 7 - 3) * 2.0 ** -math.floor(math.log2(math.prod(shape[1:])) / 2)
    if kind.startswith("const="):
        return np.full(u.shape, float(kind.removeprefix("const=")))
    rules = {
        "bias": lambda: (u % 5 - 2) / 8,
        "bias_off": lambda: (u % 5 - 2) / 8 + 0.0137,
        "bn_weight": lambda: 1 + (u % 3) / 4,
        "bn_bias": lambda: (u % 5 - 1) / 4 + 0.0137,
        "bn_mean": lambda: (u % 3 - 1) / 4,
        "bn_var": lambda: 4.0 ** (u % 3 - 1) - 0.00001 if salt else np.full(u.shape, 0.99999),
        "bn_var_large": lambda: 4.0 ** (2 + u % 2) - 0.00001,
        "bn2_weight": lambda: 2.0 ** (u % 2 - 1),
        "bn2_bias": lambda: (u % 3 - 1) / 4,
        "bn2_var": lambda: np.full(u.shape, 0.99999),
        "ln_weight": lambda: 1 + (u % 3) / 4,
        "ln_bias": lambda: (u % 5 - 2) / 8,
        "embed": lambda: (u % 9 - 4) / 16,
        "plif_w": lambda: np.where(u % 2 == 0, 0.0, math.log(3)),
        "count": lambda: np.zeros(u.shape, dtype=np.int64),
    }
    return rules[kind]()


def fill_state(entries: Iterable[tuple[str, list[int], str]], salt: str) -> dict[str, Tensor]:
    """A state dict under official names: float32 values computed in double, counters int64."""
    state = {}
    for name, shape, kind in entries:
        values = _fill(kind, shape, uniform(name, salt, math.prod(shape)), salt)
        dtype = torch.int64 if kind == "count" else torch.float32
        state[name] = torch.from_numpy(values).to(dtype).reshape(shape)
    return state


def golden_input(file: Mapping[str, Any], dtype: torch.dtype) -> Tensor:
    shape, salt = file["input"]["shape"], file["fill"]["salt"]
    u = uniform("input", salt, math.prod(shape))
    values = (u % 33 - 16) / 8 if file["input"]["kind"] == "image" else np.maximum(u % 16 - 12, 0)
    return torch.from_numpy(values).to(dtype).reshape(shape)


def golden_loss(logits: Tensor, salt: str, name: str = "loss") -> Tensor:
    w = (uniform(name, salt, logits.numel()) % 7 - 3) / 4
    return (logits * torch.from_numpy(w).to(logits.dtype).reshape(logits.shape)).sum()


def checksums(name: str, tensor: Tensor, salt: str) -> tuple[float, float, float]:
    """L2 norm, sum, and the permutation-sensitive dot product of a gradient."""
    flat = tensor.detach().double().flatten()
    w = torch.from_numpy(uniform(f"grad:{name}", salt, flat.numel()) % 7 - 3).double()
    return float(flat.norm()), float(flat.sum()), float(flat @ w)


def relative_difference(found: Tensor, expected: Any) -> float:
    """Largest absolute difference over max(1, largest expected)."""
    expected = torch.as_tensor(expected, dtype=torch.float64)
    return float((found.detach().double() - expected).abs().max() / max(1.0, float(expected.abs().max())))
