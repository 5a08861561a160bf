"""The figures of a run as curves in TensorBoard, for those who have installed it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikeformers.train.errors import TrainingError
from spikeformers.train.result import EpochDone, EpochLog, EvalPart, Event, RunFinished, RunStarted, StepDone

FOLDER = "tensorboard"


def writer(out: Path) -> Callable[[Event], None]:
    """Return a function for `fit(watch=...)` that writes every figure into `out`/tensorboard.

    The horizontal axis counts updates of the weights, also for figures of an epoch. What a run writes takes the place
    of what an interrupted one wrote there from the same update on, so a resumed run continues its curves.

    Raises:
        TrainingError: TensorBoard is not installed.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401 - now, not after the first epoch
    except ImportError as error:
        raise TrainingError(
            "TensorBoard is not installed, so there is nothing to write its curves with. Install it with "
            "pip install 'spikeformers[tensorboard]', or train without it: log.jsonl holds the figures of every epoch."
        ) from error
    return _Board(out / FOLDER)


class _Board:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: Any = None
        self._part: EvalPart = "test"

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._part = event.eval_part
        elif isinstance(event, StepDone):
            step = (event.epoch - 1) * event.steps_per_epoch + event.step
            self._write(step, _step_figures(event))
        elif isinstance(event, EpochDone):
            self._write(event.log.step, _epoch_figures(event.log, self._part))
            self._file.flush()
        elif isinstance(event, RunFinished) and self._file is not None:
            self._file.close()

    def _write(self, step: int, figures: dict[str, float]) -> None:
        if self._file is None:
            self._file = _open(self._folder, step)
        for name, value in figures.items():
            self._file.add_scalar(name, value, step)


def _open(folder: Path, first_step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    # A run that is stopped keeps all but its last seconds; those are computed again.
    return SummaryWriter(str(folder), purge_step=first_step, flush_secs=10)


def _step_figures(event: StepDone) -> dict[str, float]:
    return {
        "step/loss": event.loss,
        "step/learning_rate": event.learning_rate,
        "step/gradient_norm": event.gradient_norm,
        "step/images_per_second": event.images_per_second,
    }


def _epoch_figures(log: EpochLog, part: EvalPart) -> dict[str, float]:
    return {
        "loss/train": log.train_loss,
        f"loss/{part}": log.eval_loss,
        "accuracy/train": log.train_accuracy,
        f"accuracy/{part}": log.eval_accuracy,
        "neurons/firing_rate": log.firing_rate,
        "neurons/dead": log.dead,
        "neurons/saturated": log.saturated,
        **{f"gradient_norm/{stage}": norm for stage, norm in log.gradient_norms.items()},
    }
