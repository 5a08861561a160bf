"""Frozen random attention: what it does not depend on, and what its map is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.layers.attention.frozen import FrozenAttention
from spikeformers.measure import audit, count
from tests.layers.attention import built
from tests.layers.attention.built import DIM, HEADS, B, T, randomise, tokens
from tests.models.tiny import random_input, tiny_model


def build(word: str = "frozen", seed: int = 0, **words: Any) -> FrozenAttention:
    attention = built.build(word, **words)
    assert isinstance(attention, FrozenAttention)
    attention.seed = torch.tensor(seed)
    return attention


def attended(attention: FrozenAttention, x: Tensor) -> tuple[Tensor, Tensor]:
    """Values and what the neuron behind the map is given, [T, B, C, N]."""
    seen: list[Tensor] = []
    handles = [
        attention.get_submodule("v").register_forward_hook(lambda module, inputs, output: seen.append(output)),
        attention.neuron.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0])),
    ]
    with torch.no_grad():
        attention.eval()(x)
    for handle in handles:
        handle.remove()
    return seen[0], seen[1]


def test_values_and_the_way_back_learn_and_nothing_else() -> None:
    names = {name.partition(".")[0] for name, _ in build().named_parameters()}
    assert names == {"v", "projection"}
    ssa = {name for name, _ in built.build("ssa").named_parameters()}
    assert {name for name, _ in build().named_parameters()} < ssa


def test_the_map_stays_with_its_place_wherever_the_content_goes() -> None:
    attention, x = build(scale=1.0), tokens(6)
    randomise(attention)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    (v, given), (moved, other) = attended(attention, x), attended(attention, x[..., order])
    assert torch.equal(moved, v[..., order])
    R = attention.map(6).float()
    for out, values in ((given, v), (other, v[..., order])):
        heads = values.unflatten(2, (HEADS, -1))
        assert torch.equal(out.unflatten(2, (HEADS, -1)), torch.einsum("hnm,tbhcm->tbhcn", R, heads))
    assert not torch.equal(other, given[..., order])


def test_training_leaves_the_map_alone() -> None:
    attention = build(seed=7, scale=1.0).train()
    before, weights = attention.map(9), attention.get_parameter("v.linear.weight").clone()
    optimizer = torch.optim.SGD(attention.parameters(), lr=1.0)
    attention(tokens(9)).sum().backward()
    optimizer.step()
    assert not torch.equal(attention.get_parameter("v.linear.weight"), weights)
    assert torch.equal(attention.map(9), before)


def test_a_checkpoint_carries_the_map() -> None:
    one, other = build(seed=1), build(seed=2)
    assert not torch.equal(one.map(9), other.map(9))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.map(9), other.map(9))
    assert torch.equal(one.double().map(9), other.map(9))


def test_each_layer_draws_its_own() -> None:
    model = tiny_model("spikformer_4_384.cifar10", attention="frozen")
    seeds = {int(model.get_buffer(f"blocks.{block}.attention.seed")) for block in (0, 1)}
    assert len(seeds) == 2


def test_fewer_tokens_have_the_corner_of_the_map() -> None:
    attention = build(seed=3)
    assert torch.equal(attention.map(20)[:, :9, :9], attention.map(9))


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_density_is_the_share_of_connections(density: float) -> None:
    reached = build(f"frozen(density={density})", seed=5).map(200).double()
    # Of 2 x 200 x 200 draws, 6 standard deviations; rows and columns are 200 each.
    deviation = (density * (1 - density)) ** 0.5
    assert abs(float(reached.mean()) - density) < 6 * deviation / 80_000**0.5
    for axis in (1, 2):
        assert float((reached.mean(axis) - density).abs().max()) < 6 * deviation / 200**0.5
    # Heads, rows, columns, and the map and its transpose agree no more often than chance has it.
    flipped = (reached.flip(0), reached.roll(1, 1), reached.roll(1, 2), reached.mT.roll(1, 2))
    for other in flipped:
        together = float((reached * other).mean())
        assert abs(together - density**2) < 8 / 80_000**0.5
    assert build("frozen(density=1)").map(5).all()


@pytest.mark.parametrize("density", [0, -0.5, 1.5])
def test_a_density_that_is_none(density: float) -> None:
    with pytest.raises(ConfigError, match="density is the probability of a connection, above 0 and up to 1"):
        build(f"frozen(density={density})")


def test_counted_by_hand_and_audited_as_additions_only() -> None:
    model = tiny_model("spikingformer_4_384.cifar10", attention="frozen")
    x, seen = random_input(model, 2, (3, 4)), []
    attention = model.get_submodule("blocks.0.attention")
    assert isinstance(attention, FrozenAttention)
    attention.get_submodule("v").register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
    rows = {row.name: row for row in count(model, x).rows}
    spikes = seen[0].flatten(3).unflatten(2, (4, -1)).sum((0, 1, 3))  # [h, N]
    row = rows["blocks.0.attention.product"]
    assert row.nonzero == row.events == int((spikes * attention.map(12).sum(1)).sum())
    assert row.dense == seen[0].numel() * 12
    assert spikes.any()
    verdicts = {row.name: (row.verdict, row.evidence) for row in audit(model, x).rows}
    assert verdicts["blocks.0.attention.product"] == ("additions only", "proof")


def test_all_samples_and_steps_have_one_map() -> None:
    attention = build(scale=1.0)
    x = torch.ones(1, 1, DIM, 5).expand(T, B, DIM, 5)
    _, given = attended(attention, x)
    assert torch.equal(given[:, 0], given[:, 1])
