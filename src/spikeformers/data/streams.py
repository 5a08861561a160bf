"""Random numbers that depend on a seed and a purpose, and on nothing that was drawn before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream(seed: int, purpose: str) -> torch.Generator:
    """Return a generator of its own for one purpose under this seed."""
    return torch.Generator().manual_seed(mixed(seed, purpose))


def mixed(seed: int, purpose: str) -> int:
    """Return a seed for one purpose under this seed.

    It is hashed rather than added: seed + 1 for the second purpose would be the first purpose of the next seed.
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big") >> 1


@contextmanager
def seeded(seed: int, purpose: str) -> Iterator[None]:
    """Seed torch's global generators, of the CPU and of all CUDA devices, for the block; then restore them."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(mixed(seed, purpose))
        yield
