"""One update: the mean gradient of its parts, clipped, at the given rate."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from spikeformers.data import Batch, Dataset
from spikeformers.train.assembly import goal_of, initial_state
from spikeformers.train.recipe import Recipe
from spikeformers.train.state import TrainingState
from spikeformers.train.update import Diverged, update


def batch(count: int, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.randn(count, 1, 8, 8, generator=generator), torch.arange(count) % 10)


@pytest.fixture
def state(recipe: Recipe, digits: Dataset) -> TrainingState:
    return initial_state(recipe, digits, "cpu")


def weights(state: TrainingState) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in state.model.parameters()]


def test_an_update_is_one_step_of_the_optimizer(state: TrainingState, recipe: Recipe) -> None:
    twin, given = copy.deepcopy(state.model), batch(8, 1)
    optimizer = torch.optim.AdamW(twin.parameters(), lr=1e-3, weight_decay=0.0)
    for group in state.optimizer.param_groups:
        group["weight_decay"] = 0.0
    done = update(state, goal_of(recipe, "cpu"), [given], rate=1e-3)
    logits = twin.train()(given.x)
    loss = torch.nn.functional.cross_entropy(logits, given.targets, label_smoothing=recipe.loss.label_smoothing)
    loss.backward()
    norm = torch.nn.utils.get_total_norm([parameter.grad for parameter in twin.parameters()])
    optimizer.step()
    assert done.loss == loss.item()
    assert done.correct == int((logits.argmax(1) == given.targets).sum())
    assert done.gradient_norm == pytest.approx(float(norm), rel=1e-5)  # summed in another order
    for ours, theirs in zip(state.model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert (state.step, state.position, state.sums.samples) == (1, 1, 8)


def test_parts_add_up_to_the_mean_gradient(state: TrainingState, recipe: Recipe) -> None:
    parts = [batch(8, 1), batch(8, 2)]
    goal, twin = goal_of(recipe, "cpu"), copy.deepcopy(state.model).train()
    losses = [goal(twin, part.x, part.targets)[0] for part in parts]
    (sum(losses) / 2).backward()  # type: ignore[union-attr]
    done = update(state, goal, parts, rate=0.0)
    assert done.loss == pytest.approx(sum(loss.item() for loss in losses) / 2)
    for ours, theirs in zip(state.model.parameters(), twin.parameters(), strict=True):
        assert ours.grad is not None
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_long_gradient_is_shortened_and_a_short_one_is_not(state: TrainingState, recipe: Recipe) -> None:
    goal, given = goal_of(recipe, "cpu"), batch(8, 1)
    free = update(copy.deepcopy(state), goal, [given], rate=0.0).gradient_norm
    for limit, expected in ((free / 4, free / 4), (free * 4, free)):
        trial = copy.deepcopy(state)
        assert update(trial, goal, [given], rate=0.0, clip_norm=limit).gradient_norm == pytest.approx(free)
        norm = torch.nn.utils.get_total_norm([p.grad for p in trial.model.parameters() if p.grad is not None])
        assert float(norm) == pytest.approx(expected, rel=1e-5)


def test_a_part_that_diverges_leaves_the_weights(state: TrainingState, recipe: Recipe) -> None:
    before, bad = weights(state), batch(8, 2)
    goal = goal_of(recipe, "cpu")

    class Broken:
        def __call__(self, model: object, x: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            loss, logits = goal(state.model, x, targets)
            return (loss * float("inf") if torch.equal(x, bad.x) else loss), logits

    with pytest.raises(Diverged, match="loss is inf") as caught:
        update(state, Broken(), [batch(8, 1), bad], rate=1.0)  # type: ignore[arg-type]
    assert caught.value.batches[1] is bad
    assert all(torch.equal(old, new) for old, new in zip(before, weights(state), strict=True))
    assert state.step == 0


def test_the_scaler_leaves_out_an_update_that_overflows(recipe: Recipe, digits: Dataset) -> None:
    half = replace(recipe, precision="float16")
    state = initial_state(half, digits, "cpu")
    goal = goal_of(half, "cpu")
    state.scaler.load_state_dict(
        {**state.scaler.state_dict(), "scale": 2.0**100}
    )  # so large that every half-precision gradient is infinite
    before = weights(state)
    update(state, goal, [batch(8, 1)], rate=1e-2)
    assert all(torch.equal(old, new) for old, new in zip(before, weights(state), strict=True))
    assert state.scaler.get_scale() == 2.0**99


def test_a_gradient_that_no_scale_makes_finite_stops_the_run(recipe: Recipe, digits: Dataset) -> None:
    half = replace(recipe, precision="float16")
    state, goal = initial_state(half, digits, "cpu"), goal_of(half, "cpu")

    class Broken:
        def __call__(self, model: object, x: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            loss, logits = goal(state.model, x, targets)
            return loss + (logits.float() * 0).abs().sqrt().sum(), logits  # its gradient is 0 / 0

    before = weights(state)
    for _ in range(16):  # the scale falls from 2^16 to 1
        update(state, Broken(), [batch(8, 1)], rate=1e-2)  # type: ignore[arg-type]
    with pytest.raises(Diverged, match="gradient's norm is nan"):
        update(state, Broken(), [batch(8, 1)], rate=1e-2)  # type: ignore[arg-type]
    assert all(torch.equal(old, new) for old, new in zip(before, weights(state), strict=True))


def test_the_average_follows(recipe: Recipe, digits: Dataset) -> None:
    averaged = replace(recipe, ema=0.5)
    state = initial_state(averaged, digits, "cpu")
    before = weights(state)
    update(state, goal_of(averaged, "cpu"), [batch(8, 1)], rate=1e-2)
    after = weights(state)
    with state.averaged():
        for old, new, mean in zip(before, after, weights(state), strict=True):
            torch.testing.assert_close(mean, (old + new) / 2)
    assert all(torch.equal(a, b) for a, b in zip(after, weights(state), strict=True))
