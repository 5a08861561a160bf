"""What a run reports: figures per epoch, the final result, and events while it goes on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from spikeformers.train.recipe import Recipe

EvalPart = Literal["validation", "test"]


@dataclass(frozen=True, kw_only=True)
class EpochLog:
    """Figures of one epoch: a line of `log.jsonl`. None of them depends on the clock, so a run repeats its log.

    The eval part is the validation part where the recipe holds one out, else the test part.
    """

    epoch: int  # 1 is the first
    step: int  # updates of the weights since the start of the run
    learning_rate: float  # of the epoch's last update
    train_loss: float  # mean over the epoch's batches, with everything the recipe adds to it, while the weights moved
    train_accuracy: float  # against the likelier class where classes are mixed
    eval_part: EvalPart  # what the next two were measured on
    eval_loss: float  # cross-entropy at the end of the epoch, without smoothing
    eval_accuracy: float
    firing_rate: float  # mean over all spiking neurons, on up to 64 evenly spaced images of the eval part
    dead: float  # share of the channels that never fired there
    saturated: float  # share of the channels that always fired there
    gradient_norms: dict[str, float]  # by stage of the model, mean over the epoch's updates
    vanishing: tuple[str, ...] = ()  # stages whose gradients have vanished

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class EpochTime:
    """How long an epoch took: a line of `times.jsonl`."""

    epoch: int
    seconds: float
    images_per_second: float  # while training, without the evaluation

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a finished run achieved: the content of `result.json`.

    `best_accuracy` is the highest over the epochs on the eval part. Where that is the test part, as in the papers, it
    was chosen by looking at the test images, and flatters; `last_accuracy` does not. Where a validation part was held
    out, the test part was looked at once, after the last epoch.
    """

    out: Path
    recipe_name: str
    dataset: str
    model_name: str
    seed: int
    parameters: int
    eval_part: EvalPart
    epochs: list[EpochLog]
    best_accuracy: float
    best_epoch: int
    last_accuracy: float
    test_accuracy: float  # of the last epoch's weights
    best_test_accuracy: float | None  # of the best epoch's weights; None where their checkpoint was lost
    seconds: float  # of all epochs, interruptions not counted
    learns_from: str = ""  # a text that two runs share only if they learn from the same data and teacher

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts and lists, ready for JSON."""
        return {**asdict(self), "out": str(self.out)}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Event, before the run starts: `done` of `total` pictures of `what` are decoded."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class RunStarted:
    """Event: data and model are ready, the first step comes next."""

    recipe: Recipe
    out: Path
    parameters: int
    train_samples: int
    eval_samples: int
    eval_part: EvalPart
    steps_per_epoch: int  # updates of the weights
    resumed: str = ""  # a sentence that says where an unfinished run goes on; "" for a new run
    epochs_done: int = 0
    unreadable: tuple[str, ...] = ()  # images that were left out, with the reason
    learns_from: str = ""  # a text that two runs share only if they learn from the same data and teacher


@dataclass(frozen=True, kw_only=True)
class StepDone:
    """Event: one update of the weights; `step` of `steps_per_epoch` in epoch `epoch`, both counted from 1."""

    epoch: int
    step: int
    steps_per_epoch: int
    loss: float
    learning_rate: float
    gradient_norm: float  # over all parameters, before clipping
    images_per_second: float


@dataclass(frozen=True, kw_only=True)
class EpochDone:
    """Event: an epoch is evaluated and its checkpoints and log line are on the disk."""

    log: EpochLog
    time: EpochTime
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class Note:
    """Event: something the user should know, in words; the run goes on."""

    text: str


@dataclass(frozen=True, kw_only=True)
class RunFinished:
    """Event: the run is complete and `result.json` is on the disk."""

    result: RunResult


Event = Reading | RunStarted | StepDone | EpochDone | Note | RunFinished
