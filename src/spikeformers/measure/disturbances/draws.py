"""Random numbers of one picture each: they depend on the seed, the purpose and the picture's number, not on batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from spikeformers.data.streams import stream

Streams = Sequence[Generator]  # one for each picture of a batch, in its order


def streams(seed: int, purpose: str, first: int, count: int) -> list[Generator]:
    """One generator for each picture from number `first` on; on the CPU, so that every device sees the same."""
    return [stream(seed, f"{purpose} {number}") for number in range(first, first + count)]


def uniform(generators: Streams, shape: Sequence[int]) -> Tensor:
    """Numbers from 0 to 1 for each picture, float32 [B, *shape]."""
    return torch.stack([torch.rand(*shape, generator=generator) for generator in generators])


def normal(generators: Streams, shape: Sequence[int]) -> Tensor:
    """Standard normal numbers for each picture, float32 [B, *shape]."""
    return torch.stack([torch.randn(*shape, generator=generator) for generator in generators])
