"""The same command goes on with an unfinished run; Ctrl-C and a kill leave one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command

WORDS = ("train", "digits_spikformer", "--epochs", "2", "--set", "model.config.dim=16", "--save-every", "2")


def start(out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "spikeformers", *WORDS, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_a_state(out: Path, process: subprocess.Popen[str]) -> None:
    while not any(out.glob("state-*.bin")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, "Stopped in epoch 1"),
        pytest.param(signal.SIGTERM, 143, "Stopped in epoch 1", marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, -9, "", marks=pytest.mark.slow),
    ],
)
def test_a_stopped_command_goes_on_when_it_is_given_again(
    spikeformers: Command, tmp_path: Path, number: signal.Signals, code: int, word: str
) -> None:
    process = start(tmp_path / "run")
    wait_for_a_state(tmp_path / "run", process)
    os.kill(process.pid, number)
    _, err = process.communicate()
    assert process.returncode == code
    assert word in err
    assert "Traceback" not in err
    again = spikeformers(*WORDS, "--out", tmp_path / "run", "--json")
    assert again.code == 0
    assert "The unfinished run goes on in epoch 1, after step" in again.err
    whole = spikeformers(*WORDS, "--out", tmp_path / "whole", "--json")
    first, second = json.loads(again.out), json.loads(whole.out)
    assert first["epochs"] == second["epochs"]
    for name in ("last.safetensors", "best.safetensors", "log.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    finished = spikeformers(*WORDS, "--out", tmp_path / "run")
    assert finished.code == 1
    assert "already holds a finished run" in finished.err


def test_two_commands_exclude_each_other(spikeformers: Command, tmp_path: Path) -> None:
    process = start(tmp_path / "run")
    try:
        wait_for_a_state(tmp_path / "run", process)
        answer = spikeformers(*WORDS, "--out", tmp_path / "run")
        assert answer.code == 1
        assert "Another run is writing to" in answer.err
    finally:
        process.kill()
        process.communicate()
