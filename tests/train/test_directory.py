"""Files of a run: whole or absent."""

from __future__ import annotations

import json
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


def test_claim_refuses_a_run_and_overwrites_only_its_files(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "new" / "run")
    directory.claim(overwrite=False)
    directory.write_log([epoch(1)])
    (directory.path / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match=r"already holds a run \(log\.jsonl\)"):
        directory.claim(overwrite=False)
    assert directory.log.exists()
    directory.claim(overwrite=True)
    assert [file.name for file in directory.path.iterdir()] == ["notes.txt"]


def test_claim_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="is a file; name a directory"):
        RunDirectory(tmp_path / "file").claim(overwrite=True)
    with pytest.raises(TrainingError, match="could not be written"):
        RunDirectory(tmp_path / "file" / "below").claim(overwrite=True)
