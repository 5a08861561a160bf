"""The live bar of a terminal and the lines of a log."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from spikeformers.cli import progress
from spikeformers.train import EpochDone, EpochLog, RunStarted, StepDone, load_recipe

RECIPE = load_recipe("digits_spikformer", schedule={"epochs": 2, "warmup_epochs": 0.0})
LOG = EpochLog(
    epoch=1, step=3, learning_rate=1e-3, train_loss=1.25, train_accuracy=0.5, test_loss=1.0, test_accuracy=0.875,
    seconds=61.0,
)  # fmt: skip
EVENTS = [
    RunStarted(recipe=RECIPE, out=Path("run"), parameters=10, train_samples=6, test_samples=4, steps_per_epoch=3),
    *[StepDone(epoch=1, step=step, steps_per_epoch=3, loss=1.5, learning_rate=1e-3) for step in (1, 2, 3)],
    EpochDone(log=LOG, is_best=True),
]


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def shown(request, monkeypatch):
    """What a run of these events writes, in a terminal and in a file."""
    text = io.StringIO()
    screen = Console(file=text, force_terminal=request.param, width=80, color_system=None)
    monkeypatch.setattr(progress, "error_console", lambda: screen)
    with progress.watching("first run") as watch:
        for event in EVENTS:
            watch(event)
    return request.param, text.getvalue()


def test_shows_loss_and_accuracy(shown):
    terminal, text = shown
    assert "first run" in text
    assert "loss 1.250" in text
    assert "accuracy 87.50 %" in text
    assert ("epoch 1/2" in text) == terminal
    assert text.count("\n") == 1 or terminal
