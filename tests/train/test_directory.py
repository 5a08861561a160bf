"""Files of a run: whole or absent."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from spikeformers.errors import DataError
from spikeformers.train.directory import RunDirectory
from spikeformers.train.errors import TrainingError
from spikeformers.train.result import EpochLog


def epoch(number: int) -> EpochLog:
    return EpochLog(
        epoch=number,
        step=10 * number,
        learning_rate=1e-3,
        train_loss=1.0,
        train_accuracy=0.5,
        test_loss=1.0,
        test_accuracy=0.5,
        seconds=0.1,
    )


def test_log_reads_back_one_object_per_line(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    assert directory.read_log() == []
    for count in (1, 2, 3):
        directory.write_log([epoch(number) for number in range(1, count + 1)])
        lines = directory.log.read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == list(range(1, count + 1))
    assert directory.read_log() == [epoch(1), epoch(2), epoch(3)]


def test_a_crash_while_writing_the_log_leaves_the_former_one(tmp_path: Path, fill_disk: Callable[[], None]) -> None:
    directory = RunDirectory(tmp_path)
    directory.write_log([epoch(1)])
    fill_disk()
    with pytest.raises(TrainingError, match=r"log\.jsonl could not be written: No space left"):
        directory.write_log([epoch(1), epoch(2)])
    assert directory.read_log() == [epoch(1)]


def test_a_foreign_log_is_an_error(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    for text in ("not json\n", '{"epoch": 1}\n', "3\n"):
        directory.log.write_text(text)
        with pytest.raises(DataError, match="is not a training log"):
            directory.read_log()


def test_claim_refuses_a_run_and_never_removes_one(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "new" / "run")
    directory.claim(overwrite=False)
    assert list(directory.path.iterdir()) == []
    directory.write_log([epoch(1)])
    with pytest.raises(TrainingError, match=r"already holds a run \(log\.jsonl\).*--overwrite.*overwrite=True"):
        directory.claim(overwrite=False)
    directory.claim(overwrite=True)
    assert directory.read_log() == [epoch(1)]


def test_claim_finds_out_early_that_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**words: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("spikeformers.train.directory.TemporaryFile", refuse)  # root may write anywhere
    with pytest.raises(TrainingError, match="could not be written: Permission denied"):
        RunDirectory(tmp_path).claim(overwrite=False)


def test_replacing_swaps_the_files_of_a_run_and_leaves_all_others(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.write_log([epoch(1)])
    directory.best.write_text("former")
    directory.result.write_text("former")
    (tmp_path / "notes.txt").write_text("mine")
    with directory.replacing() as fresh:
        fresh.write_log([epoch(2)])
        fresh.best.write_text("new")
        assert directory.read_log() == [epoch(1)]
        assert directory.result.exists()
    assert {file.name for file in tmp_path.iterdir()} == {"log.jsonl", "best.safetensors", "notes.txt"}
    assert (directory.read_log(), directory.best.read_text()) == ([epoch(2)], "new")


def test_replacing_that_fails_changes_nothing(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.write_log([epoch(1)])
    directory.result.write_text("former")

    def interrupted() -> None:
        with directory.replacing() as fresh:
            fresh.write_log([epoch(2)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {file.name for file in tmp_path.iterdir()} == {"log.jsonl", "result.json"}
    assert directory.read_log() == [epoch(1)]


def test_claim_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="is a file; name a directory"):
        RunDirectory(tmp_path / "file").claim(overwrite=True)
    with pytest.raises(TrainingError, match="could not be written"):
        RunDirectory(tmp_path / "file" / "below").claim(overwrite=True)
