"""Accuracy over wall time: what is read from a run, and a run that is stopped and goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.accuracy_over_time import curve, draw


def lines(*values: dict[str, object]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def test_times_add_up_and_an_unfinished_epoch_is_left_out(tmp_path: Path) -> None:
    epochs = [{"epoch": i + 1, "eval_part": "test", "eval_accuracy": i / 4} for i in range(2)]
    (tmp_path / "log.jsonl").write_text(lines(*epochs))
    (tmp_path / "times.jsonl").write_text(lines(*({"epoch": i + 1, "seconds": 10.0 * (i + 1)} for i in range(3))))
    points = curve(tmp_path)
    assert [(p["epoch"], p["seconds"], p["accuracy"]) for p in points] == [(1, 10.0, 0.0), (2, 30.0, 0.25)]
    draw(points, "a recipe", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_has_not_begun_has_no_points(tmp_path: Path) -> None:
    assert curve(tmp_path) == []


@pytest.mark.slow
def test_a_finished_run_is_only_read(tmp_path: Path) -> None:
    words = ["--recipe", "digits_spikformer", "--set", "schedule.epochs=2", "--set", "schedule.warmup_epochs=0"]
    place = ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "curve.json"), "--device", "cpu"]
    command = [sys.executable, "-m", "benchmarks.accuracy_over_time", *words, *place, "--minutes", "5"]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found = json.loads((tmp_path / "curve.json").read_text())
        assert found["finished"]
        assert [point["epoch"] for point in found["points"]] == [1, 2]
