"""Training: it learns, repeats bit for bit, keeps what it made and stops with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from spikeformers import models
from spikeformers.data import Dataset, Images, Pictures, normalise
from spikeformers.errors import CheckpointError, ConfigError, DataError, SpikeformersError, UnknownNameError
from spikeformers.train import goal, loop
from spikeformers.train.directory import RunDirectory
from spikeformers.train.errors import TrainingError
from spikeformers.train.evaluation import Evaluation, evaluate
from spikeformers.train.feed import training_batches
from spikeformers.train.loop import fit
from spikeformers.train.reading import read_lines
from spikeformers.train.recipe import Recipe, load_recipe
from spikeformers.train.result import EpochDone, EpochLog, Event, Note, RunFinished, RunStarted, StepDone
from spikeformers.train.run import load_run
from spikeformers.train.state import TrainingState

pytestmark = pytest.mark.usefixtures("digits")

FILES = {"best.safetensors", "last.safetensors", "log.jsonl", "recipe.json", "times.jsonl"}


def test_learns_and_leaves_a_complete_run(tmp_path: Path, recipe: Recipe) -> None:
    wider = replace(recipe, batch_size=16, model=replace(recipe.model, config={**recipe.model.config, "dim": 64}))
    result = fit(wider, out=tmp_path / "run", epochs=6, seed=3)
    assert result.best_accuracy > 0.6  # ten classes: chance is 0.1
    assert result.epochs[-1].train_loss < result.epochs[0].train_loss - 0.5
    directory = RunDirectory(tmp_path / "run")
    assert read_lines(directory.log, EpochLog) == result.epochs
    assert json.loads(directory.result.read_text()) == json.loads(json.dumps(result.to_dict()))
    ran = load_recipe(directory.recipe)
    assert (ran.seed, ran.schedule.epochs, ran.optimizer) == (3, 6, recipe.optimizer)
    accuracies = [epoch.eval_accuracy for epoch in result.epochs]
    assert result.best_accuracy == max(accuracies)
    assert result.best_epoch == 1 + accuracies.index(max(accuracies))
    assert result.last_accuracy == accuracies[-1]
    assert (result.dataset, result.model_name, result.seed) == ("digits", "spikformer_2_64.digits", 3)


def test_a_run_repeats_bit_for_bit_whatever_the_callers_random_state(tmp_path: Path, recipe: Recipe) -> None:
    first = fit(recipe, out=tmp_path / "first")
    torch.manual_seed(99)
    torch.rand(5)
    before = torch.get_rng_state()
    second = fit(recipe, out=tmp_path / "second")
    assert torch.equal(torch.get_rng_state(), before)
    assert without_times(first.to_dict()) == without_times(second.to_dict())
    for name in ("last.safetensors", "best.safetensors", "recipe.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    other = fit(recipe, out=tmp_path / "other", seed=1)
    assert other.epochs[0].train_loss != first.epochs[0].train_loss


def test_the_last_checkpoint_is_the_model_in_memory(
    tmp_path: Path, recipe: Recipe, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = keep_state(monkeypatch)
    result = fit(recipe, out=tmp_path)
    x = normalise(digits.test.images[:40], digits.mean, digits.std)
    run = load_run(tmp_path, which="last")
    with torch.no_grad():
        assert torch.equal(run.model(x), state[0].model.eval()(x))
    again = evaluate(run.model, digits.test, batch_size=32, mean=run.provenance.mean, std=run.provenance.std)
    assert (again.loss, again.accuracy) == (result.epochs[-1].eval_loss, result.last_accuracy)


def test_events_tell_the_run_in_order(tmp_path: Path, recipe: Recipe) -> None:
    events: list[Event] = []
    result = fit(recipe, out=tmp_path, watch=events.append)
    kinds = [RunStarted, *[StepDone] * 10, EpochDone, *[StepDone] * 10, EpochDone, RunFinished]
    assert [type(event) for event in events] == kinds
    start, steps = events[0], [event for event in events if isinstance(event, StepDone)]
    assert isinstance(start, RunStarted)
    assert (start.train_samples, start.eval_samples, start.steps_per_epoch) == (320, 120, 10)
    assert (start.eval_part, start.resumed, start.epochs_done) == ("test", "", 0)
    assert start.parameters == result.parameters > 0
    assert [(event.epoch, event.step) for event in steps] == [(e, s) for e in (1, 2) for s in range(1, 11)]
    assert steps[2].learning_rate == pytest.approx(recipe.optimizer.lr)  # the warm-up takes 0.2 epochs, two steps
    done = [event for event in events if isinstance(event, EpochDone)]
    assert [event.log for event in done] == result.epochs
    assert done[0].is_best


def test_a_diverged_loss_stops_before_it_spoils_the_weights_and_keeps_the_batch(
    tmp_path: Path, recipe: Recipe, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, original = keep_state(monkeypatch), goal.cross_entropy

    def broken(logits: torch.Tensor, labels: torch.Tensor, *, label_smoothing: float) -> torch.Tensor:
        loss = original(logits, labels, label_smoothing=label_smoothing)
        return loss * float("nan") if state[0].step == 13 else loss

    monkeypatch.setattr(goal, "cross_entropy", broken)
    with pytest.raises(
        TrainingError, match=r"(?s)The loss is nan in epoch 2, step 4 .*Lower the learning rate.*lie in"
    ):
        fit(recipe, out=tmp_path)
    assert all(parameter.isfinite().all() for parameter in state[0].model.parameters())
    assert load_run(tmp_path, which="last").provenance.epoch == 1
    assert not (tmp_path / "result.json").exists()
    batch = safetensors.torch.load_file(tmp_path / "diverged" / "batch.safetensors")
    (expected,) = islice(training_batches(digits, recipe).epoch(1, start=3), 1)
    assert torch.equal(batch["x.0"], expected.x)
    assert torch.equal(batch["targets.0"], expected.targets)
    kept = models.load(tmp_path / "diverged" / "model.safetensors").state_dict()
    # The forward pass that gave the loss has moved the running statistics, but no weight.
    assert all(torch.equal(value, kept[name]) for name, value in state[0].model.state_dict().items())
    monkeypatch.undo()
    fit(replace(recipe, dataset="digits"), out=tmp_path, epochs=1, overwrite=True)
    assert not (tmp_path / "diverged").exists()


def test_a_gradient_that_is_no_number_stops_before_the_weights_see_it(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, original = keep_state(monkeypatch), goal.cross_entropy

    def broken(logits: torch.Tensor, labels: torch.Tensor, *, label_smoothing: float) -> torch.Tensor:
        loss = original(logits, labels, label_smoothing=label_smoothing)
        return loss + (logits * 0).abs().sqrt().sum()  # a finite loss, whose gradient is 0 / 0

    monkeypatch.setattr(goal, "cross_entropy", broken)
    with pytest.raises(TrainingError, match="The gradient's norm is nan in epoch 1, step 1 "):
        fit(recipe, out=tmp_path)
    assert all(parameter.isfinite().all() for parameter in state[0].model.parameters())


def test_a_loss_that_is_no_number_on_the_test_images_stops_before_it_is_saved(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **words: Any) -> Evaluation:
        return replace(evaluate(*args, **words), loss=float("inf"))

    monkeypatch.setattr(loop, "evaluate", broken)
    with pytest.raises(TrainingError, match="The loss is inf on the test images after epoch 1"):
        fit(recipe, out=tmp_path)
    assert contents(tmp_path) == {}


def test_an_absurd_learning_rate_diverges_with_a_reason(tmp_path: Path, recipe: Recipe) -> None:
    absurd = replace(recipe, optimizer=replace(recipe.optimizer, lr=1e38))
    with pytest.raises(TrainingError, match="training diverged"):
        fit(absurd, out=tmp_path)


@pytest.mark.parametrize("epochs_before", [0, 1])
def test_a_full_disk_keeps_what_was_saved(
    epochs_before: int, tmp_path: Path, recipe: Recipe, fill_disk: Callable[[], None]
) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, StepDone) and event.epoch == epochs_before + 1 and event.step == 10:
            before.update(contents(tmp_path))
            fill_disk()

    before: dict[str, bytes] = {}
    with pytest.raises(CheckpointError, match=r"could not write .*last\.safetensors: No space left on device"):
        fit(recipe, out=tmp_path, watch=watch)
    assert contents(tmp_path) == before
    assert ("last.safetensors" in before) == (epochs_before == 1)
    if epochs_before:
        assert load_run(tmp_path, which="last").provenance.epoch == 1


def test_an_exception_leaves_the_last_completed_epoch(tmp_path: Path, recipe: Recipe) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.epoch == 2:
            raise KeyboardInterrupt

    before = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, out=tmp_path, watch=interrupt)
    assert torch.equal(torch.get_rng_state(), before)
    assert load_run(tmp_path, which="last").provenance.epoch == 1
    assert [epoch.epoch for epoch in read_lines(RunDirectory(tmp_path).log, EpochLog)] == [1]


def test_a_directory_with_a_run_is_refused_untouched_unless_overwritten(tmp_path: Path, recipe: Recipe) -> None:
    fit(recipe, out=tmp_path, epochs=1)
    files = contents(tmp_path)
    with pytest.raises(TrainingError, match="already holds a finished run"):
        fit(recipe, out=tmp_path, epochs=1)
    assert contents(tmp_path) == files
    assert fit(recipe, out=tmp_path, epochs=1, seed=1, overwrite=True).seed == 1
    assert load_run(tmp_path).provenance.seed == 1


@pytest.mark.parametrize("how", ["ctrl-c", "full disk"])
def test_a_run_to_be_overwritten_stays_until_the_new_one_has_an_epoch(
    how: str, tmp_path: Path, recipe: Recipe, fill_disk: Callable[[], None]
) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 10:
            if how == "ctrl-c":
                raise KeyboardInterrupt
            fill_disk()

    fit(recipe, out=tmp_path, epochs=1)
    files = contents(tmp_path)
    assert set(files) == FILES | {"state-0000000010.bin", "result.json"}
    with pytest.raises((KeyboardInterrupt, CheckpointError)):
        fit(recipe, out=tmp_path, seed=1, overwrite=True, watch=watch)
    assert contents(tmp_path) == files


def test_the_first_epoch_replaces_all_of_a_run_to_be_overwritten(tmp_path: Path, recipe: Recipe) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, StepDone) and event.epoch == 2:
            raise KeyboardInterrupt

    fit(recipe, out=tmp_path, epochs=1)
    deeper = replace(recipe, model=replace(recipe.model, config={**recipe.model.config, "depth": 2}))
    with pytest.raises(KeyboardInterrupt):
        fit(deeper, out=tmp_path, overwrite=True, watch=interrupt)
    assert set(contents(tmp_path)) == FILES | {"state-0000000010.bin"}
    for run in (load_run(tmp_path, which="best"), load_run(tmp_path, which="last")):
        assert (run.model.config.to_dict()["depth"], run.provenance.epoch) == (2, 1)
    assert load_recipe(tmp_path / "recipe.json") == deeper
    assert len(read_lines(RunDirectory(tmp_path).log, EpochLog)) == 1


def test_a_run_that_fails_in_its_first_epoch_does_not_block_its_directory(tmp_path: Path, recipe: Recipe) -> None:
    absurd = replace(recipe, optimizer=replace(recipe.optimizer, lr=1e38))
    colour = replace(recipe, model=replace(recipe.model, config={**recipe.model.config, "in_channels": 3}))
    for failing in (absurd, colour):
        with pytest.raises(SpikeformersError):
            fit(failing, out=tmp_path)
    assert fit(recipe, out=tmp_path, epochs=1).seed == recipe.seed


def test_a_recipe_that_cannot_work_is_refused_before_anything_is_written(tmp_path: Path, recipe: Recipe) -> None:
    out = tmp_path / "run"
    wrong_classes = replace(recipe.model, config={**recipe.model.config, "num_classes": 7})
    with pytest.raises(ConfigError, match=r"model has 7 classes, the data set 'digits' has 10.*num_classes = 10"):
        fit(replace(recipe, model=wrong_classes), out=out)
    with pytest.raises(UnknownNameError, match="spikformer_2_64"):
        fit(replace(recipe, model=replace(recipe.model, name="spikformer_2_46.digits")), out=out)
    with pytest.raises(ConfigError, match="dept"):
        fit(replace(recipe, model=replace(recipe.model, config={"dept": 1})), out=out)
    with pytest.raises(UnknownNameError, match="digit"):
        fit(replace(recipe, dataset="digit"), out=out)
    with pytest.raises(ConfigError, match="epochs"):
        fit(recipe, out=out, epochs=0)
    assert not out.exists()


class Holed(Images):
    """Images of which the first few cannot be read; the last of the batch stands in for them."""

    broken = 2

    def read(self, indices: torch.Tensor, generator: torch.Generator | None = None) -> Pictures:
        names = tuple(f"picture {int(index)}: cut short" for index in indices if index < self.broken)
        stand_ins = indices < self.broken
        return replace(super().read(torch.where(stand_ins, 5, indices)), unreadable=names, stand_ins=stand_ins)


def test_unreadable_pictures_are_named_once_and_training_goes_on(
    tmp_path: Path, recipe: Recipe, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = (Holed(part.images, part.labels) for part in (digits.train, digits.test))
    holed = replace(digits, train=train, test=test)
    monkeypatch.setattr("spikeformers.train.feed.load_dataset", lambda *args, **words: holed)
    monkeypatch.setattr(Holed, "broken", 1)
    events: list[Event] = []
    fit(recipe, out=tmp_path, watch=events.append)
    texts = [event.text for event in events if isinstance(event, Note)]
    assert texts == [
        "Left out, because it cannot be read: picture 0: cut short",
        "Not evaluated, because it cannot be read: picture 0: cut short",
    ]


def test_too_many_unreadable_pictures_end_the_run(
    tmp_path: Path, recipe: Recipe, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    holed = replace(digits, train=Holed(digits.train.images, digits.train.labels))
    monkeypatch.setattr("spikeformers.train.feed.load_dataset", lambda *args, **words: holed)
    monkeypatch.setattr(Holed, "broken", 4)  # of 320: more than 1 %
    with pytest.raises(DataError, match=r"4 of 320 pictures cannot be read; at most 1 %.*picture"):
        fit(recipe, out=tmp_path)


def contents(directory: Path) -> dict[str, bytes]:
    """Return the content of each file in a directory, by name; the lock is no part of a run."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file() and path.name != ".lock"}


def keep_state(monkeypatch: pytest.MonkeyPatch) -> list[TrainingState]:
    """Return a list that gets the training state of the next `fit`."""
    kept: list[TrainingState] = []
    original = loop.initial_state

    def initial_state(recipe: Recipe, dataset: Dataset, device: str | torch.device) -> TrainingState:
        kept.append(original(recipe, dataset, device))
        return kept[0]

    monkeypatch.setattr(loop, "initial_state", initial_state)
    return kept


def without_times(content: object) -> object:
    """Return the result without what may differ: times, and where it lies."""
    if isinstance(content, dict):
        return {key: without_times(value) for key, value in content.items() if key not in ("seconds", "out")}
    return [without_times(value) for value in content] if isinstance(content, list) else content
