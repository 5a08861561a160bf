"""`spikeformers ablate`: real, short studies."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command

STUDY = """
title = "Tiny"
recipe = "digits_spikformer"
seeds = [0, 1]
[set]
"schedule.epochs" = 1
"schedule.warmup_epochs" = 0.2
[set.model.config]
dim = 16
depth = 1
heads = 2
time_steps = 1
[factors.neuron]
"PLIF" = { "model.config.neuron" = "plif" }
"""
FAILING = '[factors.rate]\n"wild" = { "optimizer.lr" = 1e30, "schedule.warmup_lr" = 1e30 }\n'
FILES = ("table.md", "table.csv", "study.json", "ablation.png", "ablation.svg")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(STUDY)
    return path


def stamps(folder: Path) -> dict[Path, int]:
    """When each file and directory was last changed."""
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.mark.usefixtures("few_digits")
def test_a_study_is_trained_once_and_shown(spikeformers: Command, study: Path, tmp_path: Path) -> None:
    words = ("ablate", study, "--out", tmp_path / "out")
    planned = spikeformers(*words, "--plan")
    assert planned.code == 0
    assert "0 of 4 runs finished" in planned.out
    assert "neuron = plif" in planned.out
    assert f"No run of the study has ended yet in {tmp_path / 'out'}." in spikeformers(*words, "--table-only").out
    assert not (tmp_path / "out").exists()

    first = spikeformers(*words, "--json")
    assert first.code == 0
    assert "run 2 of 4, neuron: PLIF, seed 0  epoch 1 of 1" in first.err
    assert "(1 of 4 runs finished, about" in first.err
    found = json.loads(first.out)
    assert (found["total"], found["finished"], found["failures"]) == (4, 4, {})
    assert all((tmp_path / "out" / name).stat().st_size > 0 for name in FILES)
    assert json.loads((tmp_path / "out" / "study.json").read_text()) == found

    again = spikeformers(*words)
    assert again.code == 0
    assert again.err == ""  # nothing was trained
    before = stamps(tmp_path / "out")
    shown = spikeformers(*words, "--table-only")
    assert again.out == f"{shown.out}\nFiles in {tmp_path / 'out'}: {', '.join(FILES)}\n"
    assert stamps(tmp_path / "out") == before
    base, plif = found["lines"]
    assert f"{100 * plif['accuracy']:.2f} ± {100 * plif['spread']:.2f} %" in again.out
    assert f"{100 * plif['accuracy']:.2f} ± {100 * plif['spread']:.2f} %" in (tmp_path / "out" / "table.md").read_text()
    with (tmp_path / "out" / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["accuracy"]) for row in rows] == [base["accuracy"], plif["accuracy"]]


@pytest.mark.usefixtures("few_digits")
def test_a_failing_cell_is_shown_and_the_exit_code_says_so(spikeformers: Command, study: Path, tmp_path: Path) -> None:
    study.write_text(STUDY + FAILING)
    answer = spikeformers("ablate", study, "--out", tmp_path / "out")
    assert answer.code == 1
    assert "2 of 6 runs failed: rate: wild, seed 0; rate: wild, seed 1. The same command tries them" in answer.err
    assert "2 of 2 failed" in answer.out
    # Which of the two overflows first depends on how a norm's statistics round.
    assert re.search(r"rate: wild, seed 0: The (loss|gradient's norm) is", answer.out)
    assert "4 of 6 runs finished, 2 failed" in answer.out
    assert "diverged" in (tmp_path / "out" / "table.md").read_text()
    shown = spikeformers("ablate", study, "--out", tmp_path / "out", "--table-only")
    assert shown.code == 1
    assert shown.out == answer.out.partition("\nFiles in")[0]
    assert "epoch" not in shown.err
    only = spikeformers("ablate", study, "--out", tmp_path / "out", "--only", "neuron")
    assert only.code == 0
    assert "wild" not in only.out
    assert "wild" in (tmp_path / "out" / "table.md").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("digits", "--plan", "--table-only"), "exclude each other"),
        (("digit",), "Did you mean 'digits'"),
        (("digits", "--only", "neurons"), "Did you mean 'neuron'"),
        (("none.toml",), "There is no study file none.toml"),
    ],
)
def test_slips_are_told(words: tuple[str, ...], message: str, spikeformers: Command) -> None:
    answer = spikeformers("ablate", *words)
    assert (answer.code, answer.out) == (1, "")
    assert message in answer.err


def start(study: Path, out: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "spikeformers", "ablate", str(study), "--out", str(out), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, -9, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_study_goes_on_where_it_was(
    number: signal.Signals, code: int, spikeformers: Command, study: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = start(study, out, "--save-every", "2")
    while not list(out.glob("runs/*/state-*.bin")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.kill(process.pid, number)
    shown, err = process.communicate()
    assert process.returncode == code
    assert "Traceback" not in err
    assert number == signal.SIGKILL or "No run of the study has ended yet in" in shown
    again = spikeformers("ablate", study, "--out", out, "--json")
    assert again.code == 0
    assert "The unfinished run goes on in epoch 1, after step" in again.err
    whole = spikeformers("ablate", study, "--out", tmp_path / "whole", "--json")
    first, second = (json.loads(answer.out)["lines"] for answer in (again, whole))
    assert [line["accuracy"] for line in first] == [line["accuracy"] for line in second]
    assert not list(out.rglob("*.part"))


@pytest.mark.slow
def test_two_processes_share_the_runs(spikeformers: Command, study: Path, tmp_path: Path) -> None:
    both = [start(study, tmp_path / "out") for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    lines = "".join(errors).splitlines()
    for title in ("base", "neuron: PLIF"):
        for seed in (0, 1):
            trained = [line for line in lines if f", {title}, seed {seed}  epoch 1 of 1" in line]
            assert len(trained) == 1, lines
    # Whichever wrote last knew of all runs.
    assert json.loads((tmp_path / "out" / "study.json").read_text())["finished"] == 4
