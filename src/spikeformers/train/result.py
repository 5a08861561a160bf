"""What a run reports: figures per epoch, the final result, and events while it goes on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spikeformers.train.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class EpochLog:
    """Figures of one epoch: a line of `log.jsonl`."""

    epoch: int  # 1 is the first
    step: int  # optimizer updates since the start of the run
    learning_rate: float  # of the epoch's last update
    train_loss: float  # mean over the epoch's batches, with label smoothing, while the weights moved
    train_accuracy: float
    test_loss: float  # at the end of the epoch, without smoothing
    test_accuracy: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a finished run achieved: the content of `result.json`.

    `best_accuracy` is the highest test accuracy over the epochs, as the papers report it. It is chosen by looking
    at the test set; `last_accuracy` is not.
    """

    out: Path
    recipe_name: str
    dataset: str
    model_name: str
    seed: int
    parameters: int
    epochs: list[EpochLog]
    best_accuracy: float
    best_epoch: int
    last_accuracy: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON."""
        return {**asdict(self), "out": str(self.out)}


@dataclass(frozen=True, kw_only=True)
class RunStarted:
    """Event: data and model are ready, the first step comes next."""

    recipe: Recipe
    out: Path
    parameters: int
    train_samples: int
    test_samples: int
    steps_per_epoch: int


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """Event: one optimizer update; `step` of `steps_per_epoch` in epoch `epoch`, both counted from 1."""

    epoch: int
    step: int
    steps_per_epoch: int
    loss: float
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class EpochDone:
    """Event: an epoch is evaluated and its checkpoints and log line are on the disk."""

    log: EpochLog
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class RunFinished:
    """Event: the run is complete and `result.json` is on the disk."""

    result: RunResult


Event = RunStarted | StepDone | EpochDone | RunFinished
