"""Position and time tables: what is added where, for the built size and for others."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from spikeformers.layers import SpaceTimeEmbedding

C, SIZE, STEPS = 4, (4, 6), 3


def build() -> SpaceTimeEmbedding:
    torch.manual_seed(0)
    embedding = SpaceTimeEmbedding(C, SIZE, STEPS)
    torch.nn.init.normal_(embedding.time_embed)
    return embedding


@pytest.mark.parametrize("shape", [(3, 4, 6), (3, 2, 3), (3, 8, 6), (1, 6, 9), (5, 5, 1), (2, 1, 1)])
def test_a_token_gets_the_nearest_entry_of_either_table(shape: tuple[int, int, int]) -> None:
    embedding = build()
    T, H, W = shape
    x = torch.randn(T, 2, C, H, W)
    added = embedding(x) - x
    positions, steps = embedding.pos_embed[0].view(*SIZE, C), embedding.time_embed[0]
    for t, i, j in product(range(T), range(H), range(W)):
        entry = positions[i * SIZE[0] // H, j * SIZE[1] // W] + steps[t * STEPS // T]
        # x + a + b - x in float32, of numbers around 1.
        torch.testing.assert_close(added[t, :, :, i, j], entry.expand(2, C), rtol=0, atol=1e-6)


def test_tables_start_as_published() -> None:
    torch.manual_seed(0)
    embedding = SpaceTimeEmbedding(64, (16, 16), 4)
    assert embedding.pos_embed.shape == (1, 256, 64)
    assert embedding.time_embed.shape == (1, 4, 64)
    assert not embedding.time_embed.any()
    # 16384 draws of a normal distribution of 0.02: the sample's deviation is within 5 of its own, 0.02 / sqrt(2 n).
    assert float(embedding.pos_embed.detach().std()) == pytest.approx(0.02, rel=5 / (2 * 16384) ** 0.5)


def test_both_tables_learn() -> None:
    embedding = build()
    embedding(torch.randn(STEPS, 2, C, *SIZE)).sum().backward()
    # Every time step and sample adds its position once, and every position and sample its time step.
    assert embedding.pos_embed.grad is not None
    assert embedding.time_embed.grad is not None
    assert (embedding.pos_embed.grad == STEPS * 2).all()
    assert (embedding.time_embed.grad == SIZE[0] * SIZE[1] * 2).all()
