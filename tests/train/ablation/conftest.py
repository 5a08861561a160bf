"""A study of a tiny model on few digits, written as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spikeformers.data import Dataset
from spikeformers.train.ablation.cells import Ablation, resolve
from spikeformers.train.ablation.study import read_study

STUDY = """
title = "Tiny"
recipe = "digits_spikformer"
seeds = [0, 1]
max_parameters = 8_000

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


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Ablation]:
    """Call it with replacements in the study's file, or further lines, to have it resolved."""

    def make(*more: str, **replaced: str) -> Ablation:
        text = STUDY
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "tiny.toml"
        path.write_text("\n".join([text, *more]))
        return resolve(read_study(path))

    return make


@pytest.fixture
def tiny(made: Callable[..., Ablation], digits: Dataset) -> Ablation:
    """Two cells with two seeds; training sees few digits."""
    return made()


def factor(name: str, **values: dict[str, Any]) -> str:
    """The lines of a factor, each value a label with the words it changes."""
    rows = (
        f'"{label}" = {{ ' + ", ".join(f'"{key}" = {value}' for key, value in words.items()) + " }"
        for label, words in values.items()
    )
    return "\n".join([f"[factors.{name}]", *rows])
