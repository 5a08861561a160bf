"""An interrupted run goes on by itself and ends as if nothing had happened."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from spikeformers.data import Dataset, Images
from spikeformers.errors import ConfigError
from spikeformers.train.errors import TrainingError
from spikeformers.train.loop import fit
from spikeformers.train.recipe import Recipe
from spikeformers.train.result import EpochDone, Event, Note, RunStarted, StepDone
from spikeformers.train.vault import read_state, state_files, write_state
from spikeformers.train.words import AugmentWords, DistillationWords

pytestmark = pytest.mark.usefixtures("digits")


class Stopped(Exception):
    """What a test throws into a run."""


@pytest.fixture
def rich(recipe: Recipe) -> Recipe:
    """A recipe with everything that has a state: averaged weights, a loss scaler, dropped paths, mixed samples."""
    words = {**recipe.model.config, "depth": 2, "drop_path": 0.3}
    return replace(
        recipe,
        model=replace(recipe.model, config=words),
        augment=AugmentWords(crop_padding=1, mixup=0.5, mixing_off_epoch=1, erasing=0.5),
        precision="float16",
        ema=0.8,
        accumulate=2,
        validation=0.1,
    )


def at(epoch: int, step: int, act: Callable[[], None]) -> Callable[[Event], None]:
    def watch(event: Event) -> None:
        if isinstance(event, StepDone) and (event.epoch, event.step) == (epoch, step):
            act()

    return watch


def throw() -> None:
    raise Stopped


def content(run: Path) -> dict[str, Any]:
    """Everything a finished run left but times, by name of the file."""
    names = ["last.safetensors", "best.safetensors", "log.jsonl", "recipe.json", state_files(run)[0].name]
    result = json.loads((run / "result.json").read_text())
    del result["seconds"], result["out"]
    return {**{name: (run / name).read_bytes() for name in names}, "result": result}


@pytest.mark.parametrize("save_every", [0, 3])
def test_a_run_torn_off_anywhere_goes_on_to_the_same_end(save_every: int, tmp_path: Path, rich: Recipe) -> None:
    fit(rich, out=tmp_path / "whole")
    torn = tmp_path / "torn"
    for epoch, step in ((1, 2), (1, 7), (2, 1), (2, 8)):
        with pytest.raises(Stopped):
            fit(rich, out=torn, save_every=save_every, watch=at(epoch, step, throw))
    started: list[RunStarted] = []
    fit(rich, out=torn, watch=lambda event: started.append(event) if isinstance(event, RunStarted) else None)
    assert content(torn) == content(tmp_path / "whole")
    where = "in epoch 2, after step 6 of 9" if save_every else "after epoch 1"
    assert started[0].resumed == f"The unfinished run goes on {where}."
    assert started[0].epochs_done == 1


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_run_asked_to_stop_saves_the_update_it_has_done(number: signal.Signals, tmp_path: Path, rich: Recipe) -> None:
    fit(rich, out=tmp_path / "whole")
    notes: list[Note] = []

    def watch(event: Event) -> None:
        at(2, 4, lambda: signal.raise_signal(number))(event)
        if isinstance(event, Note):
            notes.append(event)

    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit):
        fit(rich, out=tmp_path / "stopped", watch=watch)
    assert [note.text for note in notes] == [
        "Stopped in epoch 2, after step 4 of 9. The same command goes on from there."
    ]
    seen: list[Event] = []
    fit(rich, out=tmp_path / "stopped", watch=seen.append)
    steps = [event for event in seen if isinstance(event, StepDone)]
    assert (steps[0].epoch, steps[0].step) == (2, 5)
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


def test_a_run_stopped_after_its_last_update_still_has_its_evaluation_to_do(tmp_path: Path, rich: Recipe) -> None:
    fit(rich, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(rich, out=tmp_path / "run", watch=at(2, 9, lambda: signal.raise_signal(signal.SIGINT)))
    seen: list[Event] = []
    fit(rich, out=tmp_path / "run", watch=seen.append)
    assert not any(isinstance(event, StepDone) for event in seen)
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_a_run_that_only_lacks_its_result_gets_it(tmp_path: Path, rich: Recipe) -> None:
    fit(rich, out=tmp_path)
    before = content(tmp_path)
    (tmp_path / "result.json").unlink()
    fit(rich, out=tmp_path)
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    "damage", ["cut", *(pytest.param(how, marks=pytest.mark.slow) for how in ("flipped", "emptied"))]
)
def test_a_damaged_newest_state_falls_back_to_the_one_before_and_says_so(
    damage: str, tmp_path: Path, rich: Recipe
) -> None:
    fit(rich, out=tmp_path / "whole")
    run = tmp_path / "run"
    with pytest.raises(Stopped):
        fit(rich, out=run, save_every=2, watch=at(2, 5, throw))
    newest, before = state_files(run)
    assert (newest.name, before.name) == ("state-0000000012.bin", "state-0000000010.bin")
    whole = newest.read_bytes()
    flipped = whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:]
    newest.write_bytes({"cut": whole[:-100], "flipped": flipped, "emptied": b""}[damage])
    seen: list[Event] = []
    fit(rich, out=run, watch=seen.append)
    notes = [event.text for event in seen if isinstance(event, Note)]
    assert len(notes) == 1
    assert "state-0000000012.bin is" in notes[0]
    assert (run / "state-0000000012.bin.damaged").exists()
    assert next(event.resumed for event in seen if isinstance(event, RunStarted)) == (
        "The unfinished run goes on in epoch 2, after step 1 of 9."
    )
    assert content(run) == content(tmp_path / "whole")


def test_no_readable_state_is_an_error_that_removes_nothing(tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(Stopped):
        fit(recipe, out=tmp_path, watch=at(2, 3, throw))
    for file in state_files(tmp_path):
        file.write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"no state it could go on from.*state-0000000010\.bin.*--overwrite"):
        fit(recipe, out=tmp_path)
    assert (tmp_path / "last.safetensors").exists()


def test_another_recipe_is_refused_and_the_difference_named(tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(Stopped):
        fit(recipe, out=tmp_path, watch=at(2, 3, throw))
    warmer = replace(recipe, optimizer=replace(recipe.optimizer, lr=0.02))
    with pytest.raises(TrainingError, match=r"optimizer\.lr: 0\.01 there, 0\.02 now; seed: 0 there, 3 now"):
        fit(warmer, out=tmp_path, seed=3)
    assert fit(recipe, out=tmp_path).epochs[-1].epoch == 2


def test_other_data_are_refused(
    tmp_path: Path, recipe: Recipe, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Stopped):
        fit(recipe, out=tmp_path, watch=at(2, 3, throw))
    assert isinstance(digits.train, Images)
    fewer = replace(digits, train=Images(digits.train.images[1:], digits.train.labels[1:]))
    monkeypatch.setattr("spikeformers.train.feed.load_dataset", lambda *args, **words: fewer)
    with pytest.raises(TrainingError, match="learned from something else"):
        fit(recipe, out=tmp_path)


def test_another_teacher_is_refused(tmp_path: Path, recipe: Recipe) -> None:
    torch.manual_seed(0)
    first, second = (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)) for _ in range(2))
    taught = replace(recipe, distillation=DistillationWords(teacher="given"))
    with pytest.raises(Stopped):
        fit(taught, out=tmp_path, teacher=first, watch=at(2, 3, throw))
    with pytest.raises(TrainingError, match="the teacher's weights"):
        fit(taught, out=tmp_path, teacher=second)
    assert fit(taught, out=tmp_path, teacher=first).epochs[-1].epoch == 2


def test_a_run_killed_before_its_first_state_starts_again(tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(Stopped):
        fit(recipe, out=tmp_path, watch=at(2, 3, throw))
    for file in state_files(tmp_path):  # recipe and checkpoints are put in place before the state
        file.unlink()
    seen: list[Event] = []
    fit(recipe, out=tmp_path, watch=seen.append)
    assert isinstance(seen[0], RunStarted)
    assert seen[0].resumed == ""


def test_what_a_killed_save_left_is_swept_up(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / ".saving-abc").mkdir()
    (tmp_path / ".saving-abc" / "last.safetensors").write_bytes(b"half")
    (tmp_path / ".result.json.xyz.part").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    fit(recipe, out=tmp_path, epochs=1)
    names = {path.name for path in tmp_path.iterdir()}
    assert not any(name.startswith((".saving", ".result")) for name in names)
    assert "notes.txt" in names


def test_two_runs_exclude_each_other(tmp_path: Path, recipe: Recipe) -> None:
    def second() -> None:
        with pytest.raises(TrainingError, match="Another run is writing to"):
            fit(recipe, out=tmp_path, overwrite=True)

    assert fit(recipe, out=tmp_path, watch=at(1, 4, second)).epochs[-1].epoch == 2


def test_another_number_of_threads_is_worth_a_word(tmp_path: Path, recipe: Recipe) -> None:
    threads = torch.get_num_threads()
    try:
        with pytest.raises(Stopped):
            fit(recipe, out=tmp_path, watch=at(2, 1, throw))
        torch.set_num_threads(threads + 1)
        seen: list[Event] = []
        fit(recipe, out=tmp_path, watch=seen.append)
    finally:
        torch.set_num_threads(threads)
    assert f"with threads {threads}, now it is {threads + 1}" in next(e.text for e in seen if isinstance(e, Note))


def test_times_add_up_over_interruptions(tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(Stopped):
        fit(recipe, out=tmp_path, save_every=2, watch=at(1, 5, throw))
    (saved,) = [json.loads(line) for line in (tmp_path / "times.jsonl").read_text().splitlines()]
    seen: list[Event] = []
    result = fit(recipe, out=tmp_path, watch=seen.append)
    times = [event.time for event in seen if isinstance(event, EpochDone)]
    assert times[0].seconds > saved["seconds"] > 0
    assert result.seconds == sum(time.seconds for time in times)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_workers_change_nothing(workers: int, tmp_path: Path, rich: Recipe) -> None:
    fit(rich, out=tmp_path / "alone", workers=0)
    fit(rich, out=tmp_path / "helped", workers=workers)
    assert content(tmp_path / "helped") == content(tmp_path / "alone")


@pytest.mark.parametrize("how", ["stopped", "save_every"])
def test_a_run_that_is_to_be_replaced_is_untouched_until_the_first_epoch(
    how: str, tmp_path: Path, recipe: Recipe
) -> None:
    fit(recipe, out=tmp_path, epochs=1)
    before = content(tmp_path)
    act = throw if how == "save_every" else lambda: signal.raise_signal(signal.SIGINT)
    notes: list[Event] = []

    def watch(event: Event) -> None:
        notes.append(event)
        at(1, 4, act)(event)

    with pytest.raises((KeyboardInterrupt, Stopped)):
        fit(recipe, out=tmp_path, seed=1, overwrite=True, save_every=1 if how == "save_every" else 0, watch=watch)
    assert content(tmp_path) == before
    if how == "stopped":
        assert "Nothing of this run is saved yet" in next(event.text for event in notes if isinstance(event, Note))


def test_overwrite_without_anything_to_replace_saves_what_is_stopped(tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, out=tmp_path, overwrite=True, watch=at(1, 4, lambda: signal.raise_signal(signal.SIGINT)))
    seen: list[Event] = []
    fit(recipe, out=tmp_path, watch=seen.append)
    steps = [event.step for event in seen if isinstance(event, StepDone)]
    assert steps[0] == 5


def test_a_run_that_replaced_another_goes_on_without_overwrite(tmp_path: Path, recipe: Recipe) -> None:
    fit(recipe, out=tmp_path / "whole", seed=1)
    fit(recipe, out=tmp_path / "run", epochs=1)
    notes: list[Event] = []

    def watch(event: Event) -> None:
        notes.append(event)
        at(2, 2, lambda: signal.raise_signal(signal.SIGINT))(event)

    with pytest.raises(KeyboardInterrupt):
        fit(recipe, out=tmp_path / "run", seed=1, overwrite=True, watch=watch)
    text = next(event.text for event in notes if isinstance(event, Note))
    assert "The same command without --overwrite goes on" in text
    fit(recipe, out=tmp_path / "run", seed=1)
    assert content(tmp_path / "run") == content(tmp_path / "whole")


def test_what_is_missing_beside_the_last_state_is_made_again(tmp_path: Path, recipe: Recipe) -> None:
    fit(recipe, out=tmp_path)
    before = content(tmp_path)
    for name in ("result.json", "last.safetensors", "log.jsonl"):
        (tmp_path / name).unlink()
    fit(recipe, out=tmp_path)
    assert content(tmp_path) == before


def test_a_lost_best_checkpoint_is_said_and_ends_nothing(tmp_path: Path, rich: Recipe) -> None:
    with pytest.raises(Stopped):
        fit(rich, out=tmp_path, watch=at(2, 3, throw))
    (tmp_path / "best.safetensors").unlink()
    seen: list[Event] = []
    result = fit(rich, out=tmp_path, watch=seen.append)
    assert any("best.safetensors is missing" in event.text for event in seen if isinstance(event, Note))
    if result.best_epoch == 1:
        assert result.best_test_accuracy is None
    assert json.loads((tmp_path / "result.json").read_text())["best_test_accuracy"] == result.best_test_accuracy


@pytest.mark.parametrize("damage", ["damaged", "missing"])
def test_times_decide_nothing(damage: str, tmp_path: Path, recipe: Recipe) -> None:
    fit(recipe, out=tmp_path / "whole")
    with pytest.raises(Stopped):
        fit(recipe, out=tmp_path / "run", watch=at(2, 3, throw))
    times = tmp_path / "run" / "times.jsonl"
    times.write_text("xx{") if damage == "damaged" else times.unlink()
    fit(recipe, out=tmp_path / "run")
    assert content(tmp_path / "run") == content(tmp_path / "whole")
    assert [json.loads(line)["epoch"] for line in times.read_text().splitlines()] == [2]


def test_a_state_of_another_version_is_refused(tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stopped):
        fit(recipe, out=tmp_path, watch=at(2, 3, throw))
    (newest,) = state_files(tmp_path)
    state = read_state(newest)
    del state["moving"]["sums"]
    write_state(newest, state)
    with pytest.raises(TrainingError, match=r"this version of spikeformers cannot go on with .*--overwrite"):
        fit(recipe, out=tmp_path)


def test_a_negative_interval_is_refused(tmp_path: Path, recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match="save_every is -1"):
        fit(recipe, out=tmp_path, save_every=-1)
