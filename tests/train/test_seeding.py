"""Random streams depend on seed and purpose only."""

from __future__ import annotations

import torch

from spikeformers.train.seeding import seeded, stream


def draw(seed: int, purpose: str) -> list[float]:
    return torch.rand(4, generator=stream(seed, purpose)).tolist()


def test_streams_repeat_and_differ_by_seed_and_purpose() -> None:
    assert draw(1, "order") == draw(1, "order")
    kinds = [(seed, purpose) for seed in range(3) for purpose in ("order", "augment")]
    assert len({tuple(draw(seed, purpose)) for seed, purpose in kinds}) == len(kinds)


def test_seeded_repeats_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(3, "weights"):
            draws.append(torch.rand(4).tolist())
    assert draws[0] == draws[1]
    assert torch.equal(torch.get_rng_state(), before)
