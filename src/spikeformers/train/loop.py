"""The training loop: from a recipe to a run directory with checkpoints, log and result."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import torch
from torch import nn

from spikeformers.data import Batch, Source, refuse_many
from spikeformers.data.streams import seeded
from spikeformers.train.assembly import goal_of, initial_state, intended_config, with_true_name
from spikeformers.train.clock import Clock
from spikeformers.train.directory import RunDirectory
from spikeformers.train.errors import TrainingError
from spikeformers.train.evaluation import Evaluation, evaluate
from spikeformers.train.feed import open_dataset, training_batches
from spikeformers.train.keeping import keep_diverged, keep_epoch, keep_position, pick_up, where
from spikeformers.train.plan import Plan, fingerprint, schedule_of, updates_per_epoch
from spikeformers.train.recipe import Recipe
from spikeformers.train.result import EpochDone, EpochLog, Event, Note, RunFinished, RunResult, RunStarted, StepDone
from spikeformers.train.run import load_run
from spikeformers.train.state import TrainingState
from spikeformers.train.stopping import Requested, stop_requests
from spikeformers.train.update import Diverged, Update, update
from spikeformers.train.vitals import vital_signs


def fit(
    recipe: Recipe,
    *,
    out: Path,
    data_dir: Path | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    device: str | torch.device = "cpu",
    overwrite: bool = False,
    workers: int | None = None,
    save_every: int = 0,
    teacher: nn.Module | None = None,
    watch: Callable[[Event], None] | None = None,
) -> RunResult:
    """Train the model of a recipe and keep everything about it in the directory `out`.

    Where `out` holds an unfinished run of the same recipe, seed and number of epochs, that run goes on. After each
    epoch a state to go on from, `last.safetensors`, `best.safetensors` (when the accuracy on the eval part rose),
    `log.jsonl`, `times.jsonl` and `recipe.json` are on the disk. Ctrl-C and SIGTERM save the state after the update
    that is going on; a second Ctrl-C ends at once. The caller's random state is left as it was.

    On the CPU of one machine a run repeats bit for bit for the same recipe, seed, torch version and number of
    torch threads, however often it was interrupted and whatever the number of workers. Another number of threads sums
    in another order, which changes the last bits and in time the run.

    Args:
        data_dir: where the data set lies, if not in its usual place.
        seed, epochs: replace the recipe's; fewer epochs shrink warm-up and cooldown in proportion.
        overwrite: replace the run that `out` already holds; it stays as it is until the first epoch is completed.
        workers: processes that prepare batches; None chooses. They do not change the batches.
        save_every: updates between two states saved within an epoch, beside the one after it; 0 saves none.
        teacher: takes the place of the teacher that the recipe names; it must be the same when a run goes on.
        watch: called with an event at the start, after each step and each epoch, and at the end.

    Raises:
        TrainingError: `out` holds another run, is in use, or cannot be written; the loss or gradient is no number.
        CheckpointError: a checkpoint could not be written (full disk); what was saved before is intact.
        SpikeformersError: the recipe's model, configuration or data set does not exist or does not fit.
    """
    told = watch or (lambda event: None)
    recipe = with_true_name(recipe.adjusted(seed=seed, epochs=epochs))
    plan, state = _prepared(recipe, out, data_dir, device, workers, teacher, told)
    plan = replace(plan, save_every=save_every, replaces=overwrite)
    with plan.directory.held(), stop_requests() as requested, seeded(recipe.seed, "training"):
        return _Run(plan, state, requested).go()


def _prepared(
    recipe: Recipe,
    out: Path,
    data_dir: Path | None,
    device: str | torch.device,
    workers: int | None,
    teacher: nn.Module | None,
    watch: Callable[[Event], None],
) -> tuple[Plan, TrainingState]:
    """Load what a run needs, before anything is written."""
    dataset = open_dataset(recipe, intended_config(recipe), data_dir, watch)
    state = initial_state(recipe, dataset, device)
    batches = training_batches(dataset, recipe, workers=workers)
    goal = goal_of(recipe, device, teacher, dataset)
    plan = Plan(
        recipe=recipe,
        dataset=dataset,
        batches=batches,
        schedule=schedule_of(recipe, updates_per_epoch(batches, recipe)),
        goal=goal,
        fingerprint=fingerprint(dataset, goal.teacher),
        directory=RunDirectory(Path(out)),
        watch=watch,
    )
    return plan, state


@dataclass
class _Run:
    """A run while it goes on."""

    plan: Plan
    state: TrainingState
    requested: Requested
    clock: Clock = field(default_factory=Clock)
    overwrote: bool = False
    not_evaluated: set[str] = field(default_factory=set)  # pictures of the eval part that the user was told of

    def go(self) -> RunResult:
        self.overwrote = self.plan.replaces
        if self.plan.replaces and not self.plan.directory.occupied:
            self.plan = replace(self.plan, replaces=False)
        plan, state = self.plan, self.state
        found = None if plan.replaces else plan.directory.unfinished(plan.recipe)
        if found is not None:
            self.clock = pick_up(plan, state, found)
        plan.watch(self._started(resumed=f"The unfinished run goes on {where(plan, state)}." if found else ""))
        while len(state.history) < plan.recipe.schedule.total_epochs:
            self._train_epoch()
            state.history.append(self._judged())
            state.begin_epoch()
            time = self.clock.finish_epoch()
            self.plan = keep_epoch(self.plan, state, self.clock)
            plan.watch(EpochDone(log=state.history[-1], time=time, is_best=state.best is state.history[-1]))
        if found is not None:
            keep_epoch(self.plan, state, self.clock)  # whatever is missing beside the last state is made again from it
        result = self._result()
        plan.directory.write_json(plan.directory.result, result.to_dict())
        plan.watch(RunFinished(result=result))
        return result

    def _started(self, resumed: str) -> RunStarted:
        plan = self.plan
        return RunStarted(
            recipe=plan.recipe,
            out=plan.directory.path,
            parameters=self._parameters(),
            train_samples=len(plan.dataset.train),
            eval_samples=len(plan.held_out),
            eval_part=plan.eval_part,
            steps_per_epoch=plan.steps_per_epoch,
            resumed=resumed,
            epochs_done=len(self.state.history),
            unreadable=plan.dataset.unreadable,
            learns_from=plan.fingerprint,
        )

    def _train_epoch(self) -> None:
        """Go through what is left of the epoch's updates."""
        plan, state, parts = self.plan, self.state, self.plan.recipe.accumulate
        with closing(plan.batches.epoch(len(state.history), start=state.position * parts)) as batches:
            self._train_on(batches)

    def _train_on(self, batches: Iterator[Batch]) -> None:
        plan, state = self.plan, self.state
        while state.position < plan.steps_per_epoch:
            chosen = list(islice(batches, plan.recipe.accumulate))
            self._tell_unreadable(name for batch in chosen for name in batch.unreadable)
            rate = plan.schedule.rate(state.step)
            try:
                done = update(state, plan.goal, chosen, rate=rate, clip_norm=plan.recipe.optimizer.clip_norm)
            except Diverged as diverged:
                raise keep_diverged(plan, state, diverged, rate) from None
            self.clock.trained(done.samples)
            plan.watch(self._stepped(done, rate))
            if self.requested() is not None:
                self._stop()
            elif plan.save_every and state.step % plan.save_every == 0 and state.position < plan.steps_per_epoch:
                keep_position(self.plan, state, self.clock)

    def _stepped(self, done: Update, rate: float) -> StepDone:
        return StepDone(
            epoch=len(self.state.history) + 1,
            step=self.state.position,
            steps_per_epoch=self.plan.steps_per_epoch,
            loss=done.loss,
            learning_rate=rate,
            gradient_norm=done.gradient_norm,
            images_per_second=self.clock.images_per_second,
        )

    def _stop(self) -> None:
        """Save where the run is and end it as the signal asked."""
        keep_position(self.plan, self.state, self.clock)
        self.plan.watch(Note(text=f"Stopped {where(self.plan, self.state)}. {self._way_on()}"))
        number = self.requested()
        if number is None or number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)  # what a shell reports for a program that died of the signal

    def _way_on(self) -> str:
        if self.plan.replaces:
            return "Nothing of this run is saved yet: the run it was to replace is as it was."
        if self.overwrote:
            return "The same command without --overwrite goes on from there."
        return "The same command goes on from there."

    def _tell_unreadable(self, names: Iterable[str]) -> None:
        """Name each picture that could not be read once; too many of them end the run."""
        unreadable = self.state.unreadable
        for name in names:
            if name not in unreadable:
                unreadable.append(name)
                self.plan.watch(Note(text=f"Left out, because it cannot be read: {name}"))
        total = len(self.plan.dataset.train)
        refuse_many(unreadable, total, f"Data set '{self.plan.dataset.name}', train part")

    def _judged(self) -> EpochLog:
        """Evaluate the weights at the end of an epoch and sum it up."""
        plan, state = self.plan, self.state
        epoch = len(state.history) + 1
        with state.averaged():
            held_out = self._evaluate(plan.held_out)
            signs = vital_signs(state.model, plan.held_out, mean=plan.dataset.mean, std=plan.dataset.std)
        for name in held_out.unreadable:
            if name not in self.not_evaluated:
                self.not_evaluated.add(name)
                plan.watch(Note(text=f"Not evaluated, because it cannot be read: {name}"))
        if not math.isfinite(held_out.loss):
            raise TrainingError(
                f"The loss is {held_out.loss} on the {plan.eval_part} images after epoch {epoch}: training diverged. "
                "Lower the learning rate (lr) or lengthen the warm-up (warmup_epochs) of the recipe. What was saved "
                "before is intact."
            )
        return EpochLog(
            epoch=epoch,
            step=state.step,
            learning_rate=plan.schedule.rate(state.step - 1),
            train_loss=state.sums.loss / state.sums.samples,
            train_accuracy=state.sums.correct / state.sums.samples,
            eval_part=plan.eval_part,
            eval_loss=held_out.loss,
            eval_accuracy=held_out.accuracy,
            firing_rate=signs.rate,
            dead=signs.dead,
            saturated=signs.saturated,
            gradient_norms=state.gradients.epoch_means(),
            vanishing=state.gradients.vanishing(),
        )

    def _evaluate(self, source: Source, model: nn.Module | None = None) -> Evaluation:
        return evaluate(
            model or self.state.model,
            source,
            batch_size=self.plan.eval_batch,
            mean=self.plan.dataset.mean,
            std=self.plan.dataset.std,
            workers=self.plan.batches.workers,
        )

    def _result(self) -> RunResult:
        plan, state = self.plan, self.state
        last, best = state.history[-1], state.best
        test: dict[str, float | None] = {"test_accuracy": last.eval_accuracy, "best_test_accuracy": best.eval_accuracy}
        if plan.eval_part == "validation":
            with state.averaged():
                test["test_accuracy"] = self._evaluate(plan.dataset.test).accuracy
            test["best_test_accuracy"] = self._best_on_test()
        return RunResult(
            out=plan.directory.path,
            recipe_name=plan.recipe.name,
            dataset=plan.dataset.name,
            model_name=state.model.name or type(state.model).__name__,
            seed=plan.recipe.seed,
            parameters=self._parameters(),
            eval_part=plan.eval_part,
            epochs=list(state.history),
            best_accuracy=best.eval_accuracy,
            best_epoch=best.epoch,
            last_accuracy=last.eval_accuracy,
            seconds=sum(time.seconds for time in self.clock.done),
            learns_from=plan.fingerprint,
            **test,  # type: ignore[arg-type]
        )

    def _best_on_test(self) -> float | None:
        """Accuracy of the best epoch's checkpoint; None where it is lost."""
        if not self.plan.directory.best.exists():
            return None
        chosen = load_run(self.plan.directory.path, which="best").model
        return self._evaluate(self.plan.dataset.test, chosen.to(next(self.state.model.parameters()).device)).accuracy

    def _parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.state.model.parameters())
