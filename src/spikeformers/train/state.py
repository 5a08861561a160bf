"""Everything that changes while a run goes on, in one object that can be saved and restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch

from spikeformers.models import SpikingModel
from spikeformers.train.ema import Ema
from spikeformers.train.gradients import GradientWatch
from spikeformers.train.result import EpochLog
from spikeformers.train.seeding import random_states, restore_random_states
from spikeformers.train.tables import read_table


@dataclass(kw_only=True)
class Sums:
    """What the current epoch has added up so far."""

    loss: float = 0.0
    correct: int = 0
    samples: int = 0

    def add(self, loss: float, correct: int, samples: int) -> None:
        """Count one update with its mean loss."""
        self.loss += loss * samples
        self.correct += correct
        self.samples += samples


@dataclass(kw_only=True)
class TrainingState:
    """The moving parts of a run; what is not in here is fixed by the recipe and the data set.

    The order of the samples and their augmentation need no state: they follow from seed, epoch and batch.
    """

    model: SpikingModel
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    gradients: GradientWatch
    ema: Ema | None = None
    step: int = 0  # updates done
    position: int = 0  # updates done in the current epoch
    sums: Sums = field(default_factory=Sums)  # of the current epoch
    history: list[EpochLog] = field(default_factory=list)  # one per completed epoch
    unreadable: list[str] = field(default_factory=list)  # training pictures that others stood in for, as they were met

    @property
    def best(self) -> EpochLog:
        """The first epoch with the highest accuracy on the eval part."""
        return max(self.history, key=lambda epoch: epoch.eval_accuracy)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the model have the averaged weights for the block, where there are any."""
        with nullcontext() if self.ema is None else self.ema.applied(self.model):
            yield

    def begin_epoch(self) -> None:
        """Forget what the completed epoch has added up."""
        self.position, self.sums = 0, Sums()
        self.gradients.reset()

    def capture(self) -> dict[str, Any]:
        """Return everything that is needed to go on, the global random states included, to be written to a file.

        The tensors are those in use: the next update changes them.
        """
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "gradients": self.gradients.state(),
            "random": random_states(),
            "step": self.step,
            "position": self.position,
            "sums": vars(self.sums).copy(),
            "history": [epoch.to_dict() for epoch in self.history],
            "unreadable": list(self.unreadable),
        }

    def restore(self, captured: dict[str, Any]) -> None:
        """Go on from what `capture` gave and a file kept."""
        self.model.load_state_dict(captured["model"])
        self.optimizer.load_state_dict(captured["optimizer"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(captured["scaler"])
        if self.ema is not None:
            self.ema.load_state_dict(captured["ema"])
        self.gradients.restore(captured["gradients"])
        self.step, self.position = captured["step"], captured["position"]
        self.sums = Sums(**captured["sums"])
        self.history = [read_table(EpochLog, epoch, source="state") for epoch in captured["history"]]
        self.unreadable = list(captured["unreadable"])
        restore_random_states(captured["random"])
