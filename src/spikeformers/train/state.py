"""Everything that changes while a run goes on, in one object."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from spikeformers.models import SpikingModel, create_model
from spikeformers.train.optim import adamw
from spikeformers.train.recipe import Recipe
from spikeformers.train.result import EpochLog
from spikeformers.train.seeding import seeded, stream


@dataclass(kw_only=True)
class TrainingState:
    """The moving parts of a run; what is not in here is fixed by the recipe and the data set."""

    model: SpikingModel
    optimizer: torch.optim.Optimizer
    data: torch.Generator  # draws the order of the samples and the augmentation of each
    step: int = 0  # optimizer updates done
    history: list[EpochLog] = field(default_factory=list)  # one per completed epoch

    @property
    def best(self) -> EpochLog:
        """The first epoch with the highest test accuracy."""
        return max(self.history, key=lambda epoch: epoch.test_accuracy)


def initial_state(recipe: Recipe, device: str | torch.device) -> TrainingState:
    """Return the state before the first step; the weights depend on the recipe's seed only.

    Raises:
        UnknownNameError, ConfigError: the recipe names no model, or a word its configuration refuses.
    """
    with seeded(recipe.seed, "weights"):
        model = create_model(recipe.model.name, **recipe.model.config).to(device)
    return TrainingState(
        model=model,
        optimizer=adamw(model, recipe.optimizer),
        data=stream(recipe.seed, "data"),
    )
