"""Made-up events of a run: what is shown of them must not depend on real training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikeformers.train import Recipe, load_recipe
from spikeformers.train.directory import RunDirectory
from spikeformers.train.result import EpochDone, EpochLog, EpochTime, RunResult, RunStarted, StepDone

STEPS = 3  # per epoch


def recipe(**overrides: Any) -> Recipe:
    return load_recipe("digits_spikformer", **overrides)


def epoch_log(epoch: int, **changes: Any) -> EpochLog:
    return EpochLog(
        **{
            "epoch": epoch, "step": epoch * STEPS, "learning_rate": 1e-3, "train_loss": 2 / epoch,
            "train_accuracy": 1 - 0.5 / epoch, "eval_part": "test", "eval_loss": 1.5 / epoch,
            "eval_accuracy": 1 - 0.25 / epoch, "firing_rate": 0.123, "dead": 0.03125, "saturated": 0.0,
            "gradient_norms": {"tokenizer": 0.5, "blocks.0": 0.25 / epoch, "head": 1.0}, **changes,
        }
    )  # fmt: skip


def epoch_time(epoch: int) -> EpochTime:
    return EpochTime(epoch=epoch, seconds=61.0 + epoch, images_per_second=812.0)


def run_result(out: Path, epochs: int = 2, **changes: Any) -> RunResult:
    logs = [epoch_log(epoch) for epoch in range(1, epochs + 1)]
    return RunResult(
        **{
            "out": out, "recipe_name": "digits_spikformer", "dataset": "digits", "seed": 0, "parameters": 130_370,
            "model_name": "spikformer_2_64.digits", "eval_part": "test", "epochs": logs,
            "best_accuracy": logs[-1].eval_accuracy, "best_epoch": epochs, "last_accuracy": logs[-1].eval_accuracy,
            "test_accuracy": logs[-1].eval_accuracy, "best_test_accuracy": logs[-1].eval_accuracy, "seconds": 125.0,
            **changes,
        }
    )  # fmt: skip


def started(out: Path = Path("run"), epochs: int = 2, **changes: Any) -> RunStarted:
    return RunStarted(
        **{
            "recipe": recipe().adjusted(epochs=epochs), "out": out, "parameters": 130_370, "train_samples": 6,
            "eval_samples": 4, "eval_part": "test", "steps_per_epoch": STEPS, **changes,
        }
    )  # fmt: skip


def step_done(epoch: int, step: int) -> StepDone:
    return StepDone(
        epoch=epoch, step=step, steps_per_epoch=STEPS, loss=2 / epoch + 0.1 / step, learning_rate=1e-3,
        gradient_norm=1.25, images_per_second=812.0,
    )  # fmt: skip


def epoch_events(epoch: int, **changes: Any) -> list[StepDone | EpochDone]:
    """All steps of an epoch, then its end."""
    done = EpochDone(log=epoch_log(epoch, **changes), time=epoch_time(epoch), is_best=True)
    return [*(step_done(epoch, step) for step in range(1, STEPS + 1)), done]


def write_run(
    out: Path,
    epochs: int = 2,
    *,
    finished: bool = True,
    log: dict[str, Any] | None = None,
    result: dict[str, Any] | None = None,
    **recipe_words: Any,
) -> Path:
    """Write the files of a run of `epochs` epochs as training does; an unfinished run was to have one more."""
    directory = RunDirectory(out)
    out.mkdir(parents=True)
    plan = recipe(**recipe_words).adjusted(epochs=epochs if finished else epochs + 1)
    directory.write_json(directory.recipe, plan.to_dict())
    part = (result or {}).get("eval_part", "validation" if plan.validation else "test")
    if epochs:
        logs = [epoch_log(epoch, **{"eval_part": part, **(log or {})}) for epoch in range(1, epochs + 1)]
        directory.write_lines(directory.log, logs)
        directory.write_lines(directory.times, [epoch_time(epoch) for epoch in range(1, epochs + 1)])
    if finished:
        figures = run_result(Path("elsewhere"), epochs, dataset=plan.dataset, seed=plan.seed, **(result or {}))
        directory.write_json(directory.result, figures.to_dict())
    return out
