"""Files of a run: whole or absent."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spikeformers.errors import DataError
from spikeformers.train.directory import RunDirectory
from spikeformers.train.errors import TrainingError
from spikeformers.train.reading import read_lines
from spikeformers.train.recipe import Recipe
from spikeformers.train.result import EpochLog, EpochTime
from spikeformers.train.vault import KEPT, state_files


def epoch(number: int) -> EpochLog:
    return EpochLog(
        epoch=number,
        step=10 * number,
        learning_rate=1e-3,
        train_loss=1.0,
        train_accuracy=0.5,
        eval_part="test",
        eval_loss=1.0,
        eval_accuracy=0.5,
        firing_rate=0.1,
        dead=0.0,
        saturated=0.0,
        gradient_norms={"head": 0.1 + 0.2},
        vanishing=("tokenizer",),
    )


def write_log(directory: RunDirectory, *numbers: int) -> None:
    directory.write_lines(directory.log, [epoch(number) for number in numbers])


def test_log_and_times_read_back_one_object_per_line(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    assert read_lines(directory.log, EpochLog) == []
    for count in (1, 2, 3):
        write_log(directory, *range(1, count + 1))
        lines = directory.log.read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == list(range(1, count + 1))
    assert read_lines(directory.log, EpochLog) == [epoch(1), epoch(2), epoch(3)]
    times = [EpochTime(epoch=1, seconds=0.1, images_per_second=7.0)]
    directory.write_lines(directory.times, times)
    assert read_lines(directory.times, EpochTime) == times


def test_a_crash_while_writing_the_log_leaves_the_former_one(tmp_path: Path, fill_disk: Callable[[], None]) -> None:
    directory = RunDirectory(tmp_path)
    write_log(directory, 1)
    fill_disk()
    with pytest.raises(TrainingError, match=r"log\.jsonl could not be written: No space left"):
        write_log(directory, 1, 2)
    assert read_lines(directory.log, EpochLog) == [epoch(1)]


def test_a_foreign_log_is_an_error(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    for text in ("not json\n", '{"epoch": 1}\n', "3\n"):
        directory.log.write_text(text)
        with pytest.raises(DataError, match=r"log\.jsonl, line 1"):
            read_lines(directory.log, EpochLog)


def test_holding_finds_out_early_that_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**words: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("spikeformers.train.directory.TemporaryFile", refuse)  # root may write anywhere
    with pytest.raises(TrainingError, match="could not be written: Permission denied"):
        with RunDirectory(tmp_path).held():
            pass


def test_a_file_cannot_be_held(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="is a file; name a directory"):
        with RunDirectory(tmp_path / "file").held():
            pass
    with pytest.raises(TrainingError, match="could not be written"):
        with RunDirectory(tmp_path / "file" / "below").held():
            pass


def test_an_empty_or_new_directory_has_nothing_to_go_on_from(tmp_path: Path, recipe: Recipe) -> None:
    directory = RunDirectory(tmp_path / "new" / "run")
    with directory.held():
        assert directory.unfinished(recipe) is None
    (directory.path / "notes.txt").write_text("mine")
    assert directory.unfinished(recipe) is None


def test_the_newest_state_of_the_same_recipe_is_found(tmp_path: Path, recipe: Recipe) -> None:
    directory = RunDirectory(tmp_path)
    directory.write_json(directory.recipe, recipe.to_dict())
    assert directory.unfinished(recipe) is None
    for step in (5, 20):
        directory.write_state(step, {"step": step})
    found = directory.unfinished(recipe)
    assert found is not None
    assert (found.state, found.damaged) == ({"step": 20}, {})
    with pytest.raises(TrainingError, match=r"another recipe \(seed: 0 there, 1 now\).*--overwrite"):
        directory.unfinished(replace(recipe, seed=1))


def test_a_finished_run_and_files_without_a_recipe_are_refused(tmp_path: Path, recipe: Recipe) -> None:
    directory = RunDirectory(tmp_path)
    write_log(directory, 1)
    with pytest.raises(TrainingError, match=r"already holds files of a run \(log\.jsonl\).*overwrite=True"):
        directory.unfinished(recipe)
    directory.write_json(directory.recipe, recipe.to_dict())
    directory.write_json(directory.result, {})
    with pytest.raises(TrainingError, match=r"a finished run \(recipe\.json, log\.jsonl, result\.json\)"):
        directory.unfinished(recipe)


@pytest.mark.parametrize("text", ["{", "", "[1]"])
def test_a_damaged_recipe_is_refused(text: str, tmp_path: Path, recipe: Recipe) -> None:
    directory = RunDirectory(tmp_path)
    directory.recipe.write_text(text)
    with pytest.raises(TrainingError, match="--overwrite"):
        directory.unfinished(recipe)


def test_replacing_swaps_the_files_of_an_epoch_and_leaves_all_others(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    write_log(directory, 1)
    directory.best.write_text("former")
    (tmp_path / "notes.txt").write_text("mine")
    with directory.replacing(former=False) as fresh:
        write_log(fresh, 1, 2)
        fresh.last.write_text("new")
        assert read_lines(directory.log, EpochLog) == [epoch(1)]
    assert {file.name for file in tmp_path.iterdir()} == {
        "log.jsonl",
        "best.safetensors",
        "last.safetensors",
        "notes.txt",
    }
    assert (read_lines(directory.log, EpochLog), directory.best.read_text()) == ([epoch(1), epoch(2)], "former")


def test_replacing_a_former_run_removes_it_before_anything_arrives(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    write_log(directory, 1)
    for file in (directory.best, directory.result, directory.recipe, tmp_path / "notes.txt"):
        file.write_text("former")
    directory.write_state(99, {"step": 99})
    directory.diverged.mkdir()
    with directory.replacing(former=True) as fresh:
        write_log(fresh, 2)
        fresh.write_state(3, {"step": 3})
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"log.jsonl", "notes.txt", directory.state(3).name}


def test_only_the_newest_states_are_kept(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    for step in range(1, 6):
        with directory.replacing(former=False) as fresh:
            fresh.write_state(step, {"step": step})
    assert state_files(tmp_path) == [directory.state(step) for step in (5, 4)][:KEPT]


def test_replacing_that_fails_changes_nothing(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    write_log(directory, 1)
    directory.result.write_text("former")

    def interrupted() -> None:
        with directory.replacing(former=True) as fresh:
            write_log(fresh, 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {file.name for file in tmp_path.iterdir()} == {"log.jsonl", "result.json"}
    assert read_lines(directory.log, EpochLog) == [epoch(1)]
