"""The penalty on live time steps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikeformers.errors import ConfigError
from spikeformers.layers import DynamicSteps
from spikeformers.models import SpikingModel
from spikeformers.train.goal import Goal
from spikeformers.train.penalty import SpikePenalty
from spikeformers.train.words import LossWords
from tests.models.tiny import random_input, smallest


def model_with(live: int) -> SpikingModel:
    """Three time steps, the first `live` of which are live everywhere."""
    model = smallest(dynamic_steps="integrate")
    with torch.no_grad():
        for neuron in scores(model):
            neuron.copy_(torch.where(torch.arange(3) < live, 0.5, -0.5))
    return model.train()


def scores(model: SpikingModel) -> list[Tensor]:
    return [module.scores for module in model.modules() if isinstance(module, DynamicSteps)]


@pytest.mark.parametrize("live", [0, 1, 2, 3])
@pytest.mark.parametrize("budget", [0.0, 0.5, 1.0])
def test_it_is_the_share_of_live_steps_above_the_budget(live: int, budget: float) -> None:
    model = model_with(live)
    with SpikePenalty(model, steps_weight=2.0, steps_budget=budget) as penalty:
        model(random_input(model, 2))
    loss = penalty.loss()
    assert loss.item() == pytest.approx(2.0 * max(0.0, live / 3 - budget), abs=1e-6)
    loss.backward()
    layers = scores(model)
    expected = 2.0 / (3 * len(layers)) if live / 3 > budget else 0.0
    for each in layers:
        assert each.grad is not None
        torch.testing.assert_close(each.grad, torch.full((3,), expected))


def test_descending_it_masks_steps_until_the_budget_is_kept() -> None:
    model = model_with(3)
    optimizer = torch.optim.SGD(scores(model), lr=1.0)
    for _ in range(40):
        optimizer.zero_grad()
        with SpikePenalty(model, steps_weight=3.0, steps_budget=0.9) as penalty:
            pass
        penalty.loss().backward()
        optimizer.step()
    live = torch.cat([score >= 0 for score in scores(model)]).float().mean()
    assert live <= 0.9


def test_a_recipe_adds_it_to_its_loss() -> None:
    model = model_with(2)
    x, labels = random_input(model, 2), torch.tensor([0, 1])
    plain, _ = Goal(words=LossWords())(model.eval(), x, labels)
    with_steps, _ = Goal(words=LossWords(steps_weight=3.0, steps_budget=0.5))(model, x, labels)
    assert (with_steps - plain).item() == pytest.approx(3.0 * (2 / 3 - 0.5), abs=1e-5)


def test_a_model_without_dynamic_steps_has_none_to_penalise() -> None:
    with pytest.raises(ConfigError, match="dynamic_steps"):
        SpikePenalty(smallest(), steps_weight=1.0)


def test_a_budget_is_a_share() -> None:
    with pytest.raises(ConfigError, match="steps_budget"):
        LossWords(steps_budget=1.5)
