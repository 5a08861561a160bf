"""What a run leaves on the disk while it goes on, and how it is picked up from there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import PIL
import safetensors.torch
import torch
from torch import Tensor

from spikeformers.errors import CheckpointError, ConfigError, DataError
from spikeformers.files import atomic_write
from spikeformers.models import save
from spikeformers.ops import backend
from spikeformers.train.clock import Clock
from spikeformers.train.directory import Unfinished, saving
from spikeformers.train.errors import TrainingError
from spikeformers.train.plan import Plan
from spikeformers.train.reading import read_lines
from spikeformers.train.result import EpochTime, Note
from spikeformers.train.run import Provenance
from spikeformers.train.state import TrainingState
from spikeformers.train.update import Diverged
from spikeformers.version import __version__


def keep_epoch(plan: Plan, state: TrainingState, clock: Clock) -> Plan:
    """Write checkpoints, log and state after a completed epoch; return the plan, whose directory is now its own.

    Raises:
        TrainingError, CheckpointError: something could not be written; what was there before is as it was.
    """
    provenance = _provenance(plan, state).to_dict()
    with plan.directory.replacing(former=plan.replaces) as fresh:
        with state.averaged():
            save(state.model, fresh.last, provenance=provenance)
            if state.best is state.history[-1]:
                save(state.model, fresh.best, provenance=provenance)
        fresh.write_lines(fresh.log, state.history)
        fresh.write_lines(fresh.times, clock.done)
        fresh.write_json(fresh.recipe, plan.recipe.to_dict())
        fresh.write_state(state.step, _content(plan, state))
    return replace(plan, replaces=False)


def keep_position(plan: Plan, state: TrainingState, clock: Clock) -> None:
    """Write the state within an epoch, unless the directory still holds the run that this one is to replace.

    That one stays whole until this one has a checkpoint to put in its place.

    Raises:
        TrainingError: something could not be written; what was there before is as it was.
    """
    if plan.replaces:
        return
    with plan.directory.replacing(former=False) as fresh:
        fresh.write_lines(fresh.times, [*clock.done, clock.now()])
        fresh.write_json(fresh.recipe, plan.recipe.to_dict())
        fresh.write_state(state.step, _content(plan, state))


def pick_up(plan: Plan, state: TrainingState, found: Unfinished) -> Clock:
    """Bring the state to where an unfinished run was saved; return the run's clock.

    Raises:
        TrainingError: the run learned from something else, or another version wrote its state.
    """
    if found.state.get("learns_from") != plan.fingerprint:
        raise TrainingError(
            f"{plan.directory.path} holds an unfinished run of this recipe that learned from something else: the "
            "images' number, labels, classes or normalisation differ, or the teacher's weights. Bring back what it was "
            "started with, choose another directory, or start again with --overwrite."
        )
    try:
        state.restore(found.state["moving"])
    except (ConfigError, LookupError, TypeError, ValueError, RuntimeError) as error:  # it lacks or names other things
        raise TrainingError(
            f"{plan.directory.path} holds an unfinished run that this version of spikeformers cannot go on with "
            f"({error}). Finish it with the version that wrote it, choose another directory, or start again with "
            "--overwrite."
        ) from error
    for file, reason in found.damaged.items():
        file.replace(file.with_name(f"{file.name}.damaged"))  # it must not take the place of a good one
        plan.watch(Note(text=f"{reason} It is kept as {file.name}.damaged; the state before it is used."))
    for text in (*_doubts(state, found.state["surroundings"]), *_lost(plan, state)):
        plan.watch(Note(text=text))
    return Clock(_times(plan), epochs_done=len(state.history))


def _times(plan: Plan) -> list[EpochTime]:
    try:
        return read_lines(plan.directory.times, EpochTime)
    except DataError as error:
        plan.watch(Note(text=f"{error} The run goes on without the times of its first epochs."))
        return []


def _lost(plan: Plan, state: TrainingState) -> list[str]:
    """What the state cannot bring back: the checkpoint of a best epoch that is over."""
    if not state.history or plan.directory.best.exists():
        return []
    return [f"{plan.directory.best} is missing: the weights of epoch {state.best.epoch}, the best so far, are lost."]


def where(plan: Plan, state: TrainingState) -> str:
    """Say in words up to where the run has come."""
    if not state.position:
        return f"after epoch {len(state.history)}"
    return f"in epoch {len(state.history) + 1}, after step {state.position} of {plan.steps_per_epoch}"


def keep_diverged(plan: Plan, state: TrainingState, diverged: Diverged, rate: float) -> TrainingError:
    """Keep the batch and the weights that a run diverged with, and return the error that says so."""
    place = f"in epoch {len(state.history) + 1}, step {state.position + 1}"
    folder = plan.directory.diverged
    tensors: dict[str, Tensor] = {}
    for number, batch in enumerate(diverged.batches):
        tensors |= {f"x.{number}": batch.x.contiguous(), f"targets.{number}": batch.targets.contiguous()}
    facts = {"what": diverged.what, "where": place, "learning_rate": repr(rate), "step": str(state.step)}
    try:
        with saving(folder), atomic_write(folder / "batch.safetensors") as file:
            file.write(safetensors.torch.save(tensors, facts))
        save(state.model, folder / "model.safetensors")
        kept = f"The batch and the weights that gave it lie in {folder} for study."
    except (TrainingError, CheckpointError) as error:
        kept = f"The batch could not be kept for study: {error}"
    return TrainingError(
        f"The {diverged.what} {place} (learning rate {rate:.3g}): training diverged. Lower the learning rate (lr), "
        f"lengthen the warm-up (warmup_epochs) or clip the gradient (clip_norm) of the recipe. {kept} What was saved "
        "before is intact."
    )


def _content(plan: Plan, state: TrainingState) -> dict[str, Any]:
    return {
        "learns_from": plan.fingerprint,
        "surroundings": _surroundings(state),
        "moving": state.capture(),
    }


def _surroundings(state: TrainingState) -> dict[str, str]:
    """What decides the last bits of a run beside its recipe and its data."""
    device = next(state.model.parameters()).device.type
    return {
        "device": device,
        "threads": str(torch.get_num_threads()),
        "backend": backend.in_words(device),
        "torch": str(torch.__version__),
        "spikeformers": __version__,
        "pillow": PIL.__version__,
    }


def _doubts(state: TrainingState, before: dict[str, str]) -> list[str]:
    """What keeps a run that goes on from ending with the bits of an undisturbed one."""
    return [
        f"The run was started with {word} {before[word]}, now it is {now}: it goes on, but its last bits may differ."
        for word, now in _surroundings(state).items()
        if before[word] != now
    ]


def _provenance(plan: Plan, state: TrainingState) -> Provenance:
    epoch = state.history[-1]
    return Provenance(
        recipe=plan.recipe.to_dict(),
        dataset=plan.dataset.name,
        classes=plan.dataset.classes,
        mean=plan.dataset.mean,
        std=plan.dataset.std,
        epoch=epoch.epoch,
        accuracy=epoch.eval_accuracy,
        eval_part=plan.eval_part,
        seed=plan.recipe.seed,
        versions={"spikeformers": __version__, "torch": str(torch.__version__)},
    )
