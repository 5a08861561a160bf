"""LAMB against its formula and against timm's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from spikeformers.train.lamb import Lamb
from tests.oracles import library


def network(seed: int = 0) -> nn.Sequential:
    """Some layers in float64, with a weight that is all 0."""
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.LayerNorm(7), nn.Linear(7, 3)).double()
    nn.init.zeros_(layers[3].weight)
    return layers


def groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def train(
    model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, *, scale: float = 1.0, first: int = 0
) -> None:
    for step in range(first, first + steps):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(16, 5, generator=generator, dtype=torch.float64)
        optimizer.zero_grad()
        (scale * model(x).square().sum() + model(x).sum()).backward()
        optimizer.step()


def difference(a: nn.Module, b: nn.Module) -> float:
    with torch.no_grad():
        return max(float((p - q).abs().max()) for p, q in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
@pytest.mark.parametrize("trust_clip", [False, True])
@pytest.mark.parametrize("max_grad_norm", [None, 1.0, 100.0])
def test_equals_timm_over_many_steps(weight_decay: float, trust_clip: bool, max_grad_norm: float | None) -> None:
    theirs, ours = network(), network()
    options: dict[str, Any] = {"lr": 1e-2, "trust_clip": trust_clip, "max_grad_norm": max_grad_norm}
    oracle = library("timm.optim").Lamb(groups(theirs, weight_decay), **options)
    optimizer = Lamb(groups(ours, weight_decay), **options)
    for first in range(0, 40, 8):
        train(theirs, oracle, 8, scale=first - 8, first=first)
        train(ours, optimizer, 8, scale=first - 8, first=first)
        assert difference(theirs, ours) < 1e-12
    assert difference(ours, network()) > 1e-2


def test_the_defaults_are_those_of_timm() -> None:
    theirs, ours = network(), network()
    oracle, optimizer = library("timm.optim").Lamb(theirs.parameters()), Lamb(ours.parameters())
    train(theirs, oracle, 5)
    train(ours, optimizer, 5)
    assert difference(theirs, ours) < 1e-12


def test_the_first_step_by_hand() -> None:
    weight = nn.Parameter(torch.tensor([[3.0, 4.0]], dtype=torch.float64))
    optimizer = Lamb([weight], lr=0.1, eps=0.0, weight_decay=0.5, max_grad_norm=None)
    weight.grad = torch.tensor([[2.0, -7.0]], dtype=torch.float64)
    optimizer.step()
    # At the first step Adam's direction is the sign of the gradient: u = (1, -1) + 0.5 (3, 4).
    u = torch.tensor([[2.5, 1.0]], dtype=torch.float64)
    expected = torch.tensor([[3.0, 4.0]], dtype=torch.float64) - 0.1 * 5 / 7.25**0.5 * u
    torch.testing.assert_close(weight.detach(), expected, rtol=1e-14, atol=0)


def test_groups_without_decay_take_the_step_of_adam() -> None:
    theirs, ours = network(), network()
    adam = torch.optim.Adam(theirs.parameters(), lr=1e-2, eps=1e-6)
    optimizer = Lamb(ours.parameters(), lr=1e-2, weight_decay=0.0, max_grad_norm=None)
    train(theirs, adam, 10)
    train(ours, optimizer, 10)
    assert difference(theirs, ours) < 1e-12


def test_gradients_are_clipped_over_all_groups_together_and_stay_as_they_are() -> None:
    first, second = (nn.Parameter(torch.ones(1, 1, dtype=torch.float64)) for _ in range(2))
    optimizer = Lamb([{"params": [first]}, {"params": [second]}], betas=(0.0, 0.999), max_grad_norm=1.0)
    first.grad, second.grad = torch.full_like(first, 3.0), torch.full_like(second, 4.0)
    optimizer.step()
    means = [float(optimizer.state[p]["exp_avg"]) for p in (first, second)]
    assert means == pytest.approx([0.6, 0.8])
    assert (float(first.grad), float(second.grad)) == (3.0, 4.0)


def test_a_resumed_run_ends_like_the_undisturbed_one() -> None:
    whole = network()
    undisturbed = Lamb(groups(whole, 0.05), lr=1e-2)
    train(whole, undisturbed, 3)
    part = copy.deepcopy(whole)
    resumed = Lamb(groups(part, 0.05), lr=1.0)
    resumed.load_state_dict(copy.deepcopy(undisturbed.state_dict()))
    train(whole, undisturbed, 4, first=3)
    train(part, resumed, 4, first=3)
    assert difference(whole, part) == 0.0


def test_parameters_without_a_gradient_stay_and_start_their_own_count() -> None:
    idle, busy = (nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    optimizer = Lamb([idle, busy])
    busy.grad = torch.ones(2, 2)
    optimizer.step()
    assert bool((idle == 1).all())
    assert not bool((busy == 1).any())
    idle.grad = torch.ones(2, 2)
    optimizer.step()
    assert (float(optimizer.state[idle]["step"]), float(optimizer.state[busy]["step"])) == (1.0, 2.0)


def test_without_any_gradient_nothing_moves_and_the_closure_gives_the_loss() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    optimizer = Lamb([weight])
    assert optimizer.step() is None
    assert bool((weight == 1).all())

    def closure() -> float:
        loss = weight.sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 4.0
    assert not bool((weight == 1).any())
