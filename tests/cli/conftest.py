"""Running commands, in this process and in one of their own, and one real trained model to use them on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from spikeformers.cli import main
from spikeformers.data import Dataset, Subset, load_dataset


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def spikeformers(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Call it with the words of a command line."""
    monkeypatch.setenv("COLUMNS", "120")

    def call(*words: object) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call


def run_python(code: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own; `words` become its arguments."""
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "error", **environment},
    )


@pytest.fixture(scope="session")
def in_process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call it as `spikeformers`, or with other Python code first, to have a process of its own."""
    return run_python


@contextmanager
def training_on_few_digits() -> Iterator[Dataset]:
    """Training sees 128 of the 1437 training digits, to be quick."""
    whole = load_dataset("digits")
    few = replace(whole, train=Subset(whole.train, torch.arange(128)))

    def load_few(name: str, data_dir: Path | None = None, **words: Any) -> Dataset:
        return few if name == "digits" else load_dataset(name, data_dir, **words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spikeformers.train.feed.load_dataset", load_few)
        yield few


@pytest.fixture
def few_digits() -> Iterator[Dataset]:
    """While this test runs, training sees few digits."""
    with training_on_few_digits() as few:
        yield few


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory: one epoch of a Spikformer on few digits."""
    out = tmp_path_factory.mktemp("runs") / "digits"
    with training_on_few_digits():
        assert main(["train", "digits_spikformer", "--epochs", "1", "--out", str(out)]) == 0
    return out


@pytest.fixture
def digit(tmp_path: Path) -> Path:
    """An image file."""
    from PIL import Image

    path = tmp_path / "digit [1].png"
    Image.fromarray(load_dataset("digits").test.read(torch.tensor([0])).images[0, 0].numpy()).save(path)
    return path


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Call it with a function that takes the place of `spikeformers doctor`, to see what becomes of its errors."""

    def replace(run: Callable[..., Any]) -> None:
        monkeypatch.setattr("spikeformers.cli.commands.doctor.run", run)

    return replace
