"""Random numbers that depend on the seed of the run and on nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def stream(seed: int, purpose: str) -> torch.Generator:
    """Return a generator of its own for one purpose of the run with this seed."""
    return torch.Generator().manual_seed(_mixed(seed, purpose))


@contextmanager
def seeded(seed: int, purpose: str) -> Iterator[None]:
    """Seed torch's global generator for the block (weight initialisation reads it), then restore it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_mixed(seed, purpose))
        yield


def _mixed(seed: int, purpose: str) -> int:
    # Hashed rather than added: seed + 1 for the second purpose would be the first purpose of the next seed.
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big") >> 1
