"""The global random state of a run: its own, and given back."""

from __future__ import annotations

import torch

from spikeformers.data.streams import seeded
from spikeformers.train.seeding import random_states, restore_random_states


def test_seeded_repeats_and_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    draws = []
    for _ in range(2):
        with seeded(3, "weights"):
            draws.append(torch.rand(4).tolist())
    assert draws[0] == draws[1]
    assert torch.equal(torch.get_rng_state(), before)


def test_purposes_and_seeds_differ() -> None:
    draws = set()
    for seed, purpose in ((3, "weights"), (3, "training"), (4, "weights")):
        with seeded(seed, purpose):
            draws.add(tuple(torch.rand(4).tolist()))
    assert len(draws) == 3


def test_random_states_come_back() -> None:
    with seeded(5, "training"):
        torch.rand(3)
        states = random_states()
        first = torch.rand(4)
        restore_random_states(states)
        assert torch.equal(torch.rand(4), first)
