"""The training loop: from a recipe to a run directory with checkpoints, log and result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from spikeformers.data import Batches, Dataset, load_dataset
from spikeformers.errors import ConfigError
from spikeformers.models import save
from spikeformers.train.directory import RunDirectory
from spikeformers.train.errors import TrainingError
from spikeformers.train.evaluate import evaluate
from spikeformers.train.feed import training_batches
from spikeformers.train.objective import cross_entropy
from spikeformers.train.optim import set_rate
from spikeformers.train.recipe import Recipe
from spikeformers.train.result import EpochDone, EpochLog, Event, RunFinished, RunResult, RunStarted, StepDone
from spikeformers.train.run import Provenance
from spikeformers.train.schedule import Schedule
from spikeformers.train.seeding import seeded
from spikeformers.train.state import TrainingState, initial_state
from spikeformers.version import __version__


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What stays as it is while a run goes on; what changes is the `TrainingState`."""

    recipe: Recipe
    dataset: Dataset
    batches: Batches
    schedule: Schedule
    directory: RunDirectory
    watch: Callable[[Event], None]


def fit(
    recipe: Recipe,
    *,
    out: Path,
    data_dir: Path | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    device: str | torch.device = "cpu",
    overwrite: bool = False,
    watch: Callable[[Event], None] | None = None,
) -> RunResult:
    """Train the model of a recipe and keep everything about it in the directory `out`.

    After each epoch `last.safetensors`, `best.safetensors` (when the test accuracy rose), `log.jsonl` and
    `recipe.json` are on the disk, so an interrupted run leaves the checkpoint of its last completed epoch, and before
    its first one nothing. The caller's random state is left as it was.

    On the CPU of one machine a run repeats bit for bit for the same recipe, seed, torch version and number of
    torch threads. Another number of threads sums in another order, which changes the last bits and in time the run.

    Args:
        data_dir: where the data set lies, if not in its usual place.
        seed, epochs: replace the recipe's; fewer epochs shrink the warm-up in proportion.
        overwrite: replace the run that `out` already holds, instead of refusing; it stays whole until the first epoch
            is completed.
        watch: called with an event at the start, after each step and each epoch, and at the end.

    Raises:
        TrainingError: `out` holds a run or cannot be written; the loss is not a number any more.
        CheckpointError: a checkpoint could not be written (full disk); what was saved before is intact.
        SpikeformersError: the recipe's model, configuration or data set does not exist or does not fit.
    """
    recipe = _adjusted(recipe, seed, epochs)
    dataset = load_dataset(recipe.dataset, data_dir)
    state = initial_state(recipe, device)
    _check_classes(state, dataset)
    batches = training_batches(dataset, recipe, state.data)
    schedule = Schedule.of(recipe.schedule, peak=recipe.optimizer.lr, steps_per_epoch=len(batches))
    directory = RunDirectory(Path(out))
    directory.claim(overwrite=overwrite)
    plan = Plan(
        recipe=recipe,
        dataset=dataset,
        batches=batches,
        schedule=schedule,
        directory=directory,
        watch=watch or (lambda event: None),
    )
    with seeded(recipe.seed, "training"):
        return _run(plan, state)


def _run(plan: Plan, state: TrainingState) -> RunResult:
    started = time.perf_counter()
    plan.watch(
        RunStarted(
            recipe=plan.recipe,
            out=plan.directory.path,
            parameters=_parameters(state),
            train_samples=len(plan.dataset.train),
            test_samples=len(plan.dataset.test),
            steps_per_epoch=len(plan.batches),
        )
    )
    while len(state.history) < plan.recipe.schedule.epochs:
        state.history.append(_epoch(plan, state))
        _keep(plan, state)
        plan.watch(EpochDone(log=state.history[-1], is_best=state.best is state.history[-1]))
    result = _result(plan, state, time.perf_counter() - started)
    plan.directory.write_json(plan.directory.result, result.to_dict())
    plan.watch(RunFinished(result=result))
    return result


def _epoch(plan: Plan, state: TrainingState) -> EpochLog:
    started = time.perf_counter()
    train_loss, train_accuracy = _train(plan, state)
    held_out = evaluate(
        state.model,
        plan.dataset.test,
        batch_size=plan.recipe.batch_size,
        mean=plan.dataset.mean,
        std=plan.dataset.std,
    )
    _check_finite(held_out.loss, f"on the test images after epoch {len(state.history) + 1}")
    return EpochLog(
        epoch=len(state.history) + 1,
        step=state.step,
        learning_rate=plan.schedule.rate(state.step - 1),
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        test_loss=held_out.loss,
        test_accuracy=held_out.accuracy,
        seconds=time.perf_counter() - started,
    )


def _train(plan: Plan, state: TrainingState) -> tuple[float, float]:
    """Go through the training images once; return mean loss and accuracy."""
    state.model.train()
    epoch, steps = len(state.history) + 1, len(plan.batches)
    loss_sum, correct, samples = 0.0, 0, 0
    for step, (x, y) in enumerate(plan.batches, start=1):
        rate = plan.schedule.rate(state.step)
        loss, right = _update(state, x, y, rate, plan.recipe.label_smoothing, where=f"in epoch {epoch}, step {step}")
        loss_sum, correct, samples = loss_sum + loss * len(y), correct + right, samples + len(y)
        plan.watch(StepDone(epoch=epoch, step=step, steps_per_epoch=steps, loss=loss, learning_rate=rate))
    return loss_sum / samples, correct / samples


def _update(
    state: TrainingState, x: torch.Tensor, y: torch.Tensor, rate: float, label_smoothing: float, *, where: str
) -> tuple[float, int]:
    """Do one optimizer update on images [B, C, H, W] and labels [B]; return loss and correct predictions."""
    device = next(state.model.parameters()).device
    x, y = x.to(device), y.to(device)
    logits = state.model(x)
    loss = cross_entropy(logits, y, label_smoothing=label_smoothing)
    # Before the update: a loss that is not a number would spoil every weight.
    _check_finite(loss.item(), where)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    set_rate(state.optimizer, rate)
    state.optimizer.step()
    state.step += 1
    return loss.item(), int((logits.argmax(1) == y).sum())


def _keep(plan: Plan, state: TrainingState) -> None:
    """Write checkpoints, log and recipe of the epoch just completed; a run that was here before ends with the first."""
    provenance = _provenance(plan, state).to_dict()
    with plan.directory.replacing() as fresh:
        save(state.model, fresh.last, provenance=provenance)
        if state.best is state.history[-1]:
            save(state.model, fresh.best, provenance=provenance)
        fresh.write_log(state.history)
        fresh.write_json(fresh.recipe, plan.recipe.to_dict())


def _provenance(plan: Plan, state: TrainingState) -> Provenance:
    epoch = state.history[-1]
    return Provenance(
        recipe=plan.recipe.to_dict(),
        dataset=plan.dataset.name,
        classes=plan.dataset.classes,
        mean=plan.dataset.mean,
        std=plan.dataset.std,
        epoch=epoch.epoch,
        accuracy=epoch.test_accuracy,
        seed=plan.recipe.seed,
        versions={"spikeformers": __version__, "torch": str(torch.__version__)},
    )


def _result(plan: Plan, state: TrainingState, seconds: float) -> RunResult:
    return RunResult(
        out=plan.directory.path,
        recipe_name=plan.recipe.name,
        dataset=plan.dataset.name,
        model_name=plan.recipe.model.name,
        seed=plan.recipe.seed,
        parameters=_parameters(state),
        epochs=list(state.history),
        best_accuracy=state.best.test_accuracy,
        best_epoch=state.best.epoch,
        last_accuracy=state.history[-1].test_accuracy,
        seconds=seconds,
    )


def _adjusted(recipe: Recipe, seed: int | None, epochs: int | None) -> Recipe:
    if epochs is not None:
        recipe = replace(recipe, schedule=recipe.schedule.with_epochs(epochs))
    return recipe if seed is None else replace(recipe, seed=seed)


def _check_classes(state: TrainingState, dataset: Dataset) -> None:
    given, needed = state.model.config.num_classes, len(dataset.classes)
    if given != needed:
        raise ConfigError(
            f"The model has {given} classes, the data set {dataset.name!r} has {needed}. "
            f"Set num_classes = {needed} under [model.config] of the recipe."
        )


def _check_finite(loss: float, where: str) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"The loss is {loss} {where}: training diverged. Lower the learning rate (lr) or lengthen the warm-up "
            f"(warmup_epochs) of the recipe. What was saved before is intact."
        )


def _parameters(state: TrainingState) -> int:
    return sum(parameter.numel() for parameter in state.model.parameters())
